"""Schedules: what Prefect starts by itself, and when next."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from prefect_platform.wire.base import Answer, Identifier, When


class ScheduleKind(StrEnum):
    CRON = "cron"
    INTERVAL = "interval"
    RRULE = "rrule"


class Schedule(Answer):
    """One schedule of a deployment, as Prefect has it now."""

    id: Identifier
    kind: ScheduleKind
    text: str
    """The cron expression, the interval in seconds, or the rule."""
    timezone: str | None
    active: bool


class DeploymentDetail(Answer):
    """A deployment with what Prefect holds of it, which people may have changed there."""

    name: str
    prefect_deployment_id: str
    version_number: int
    paused: bool
    """Whether all of its schedules rest."""
    schedules: list[Schedule]
    parameters: dict[str, Any]
    """What a run gets that names no others."""
    parameter_schema: dict[str, Any]
    """JSON Schema of the flow's parameters."""


class ScheduledRun(Answer):
    """A run that is due; it has an attempt once an agent takes it."""

    id: Identifier
    name: str
    flow_id: Identifier
    flow_name: str
    deployment_name: str
    due_at: When
