"""Usage: how long workloads held their room, and what that comes to in cores, memory, GPUs and money."""

from __future__ import annotations

from datetime import date
from enum import StrEnum

from prefect_platform.wire.base import Answer, Identifier, When


class UsageBy(StrEnum):
    """What rows of usage may be told apart by, in any combination."""

    FLOW = "flow"
    RUN = "run"
    USER = "user"
    """Who started the run where that is known, else the owner of its flow."""
    SIZE = "size"
    KIND = "kind"
    """Of the workload."""
    DAY = "day"
    """A calendar day in the time zone that was asked for."""


class UsageAmounts(Answer):
    """Sums over workloads. Core, memory and GPU hours are of what was held, not of what was busy."""

    hours: float
    core_hours: float
    memory_gib_hours: float
    gpu_hours: float
    price: float | None
    """Of the hours that have a price, in the currency of the operator's choice; None where none has one."""
    unpriced_hours: float
    """Those of `hours` that have no price."""


class UsageRow(UsageAmounts):
    """The sums of one group. A label is None where it was not asked for, or has no value there."""

    flow: str | None = None
    run: Identifier | None = None
    run_name: str | None = None
    user: str | None = None
    size: str | None = None
    kind: str | None = None
    day: date | None = None


class Usage(Answer):
    """The usage of one project in [`since`, `until`); what is open counts up to the moment of the answer."""

    project: str
    since: When
    until: When
    timezone: str
    by: list[UsageBy]
    rows: list[UsageRow]
    total: UsageAmounts
