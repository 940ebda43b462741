"""Schedules of deployments and the runs that they have made for later, as Prefect holds them."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from prefect_platform.wire.base import Answer, When


class ScheduledRun(Answer):
    """A flow run of one of our flows that waits for its time."""

    run_id: str
    name: str
    flow_id: str
    flow_name: str
    deployment_name: str
    due: When
    late: bool = Field(description="Its time has come and no agent has taken it.")


class FlowSchedule(Answer):
    """One schedule of a deployment. One of `cron`, `interval_seconds` and `rrule` is set."""

    slug: str = Field(description="Names it in calls; its id in Prefect where it has no slug.")
    active: bool
    cron: str | None = None
    interval_seconds: float | None = None
    rrule: str | None = None
    timezone: str | None = None
    parameters: dict[str, Any] = {}
    next_times: list[When] = Field(
        description="When it starts the flow next, at most five; empty while it or its deployment is paused."
    )


class DeploymentSchedules(Answer):
    """The schedules of one deployment of a flow."""

    deployment_name: str
    paused: bool = Field(description="No schedule of the deployment makes runs while it is paused.")
    schedules: list[FlowSchedule]


class DeploymentParameters(Answer):
    """What a deployment's runs take."""

    deployment_name: str
    parameter_schema: dict[str, Any] = Field(description="JSON Schema of the flow's parameters.")
    parameters: dict[str, Any] = Field(description="What a run takes that is started without any.")
    enforced: bool = Field(description="Prefect refuses a run whose parameters do not fit the schema.")
