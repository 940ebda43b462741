"""A Prefect flow run as the agent needs it, read from the API's plain JSON. Pure: no I/O.

Prefect's own models are not used: they parse a hundred fields, and follow every release.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from prefect_platform.names import label

FINAL_TYPES = frozenset({"COMPLETED", "FAILED", "CANCELLED", "CRASHED"})
"""State types that Prefect does not leave by itself."""


@dataclass(frozen=True)
class State:
    """One state of a flow run."""

    id: str
    type: str
    """`SCHEDULED`, `PENDING`, `RUNNING`, `PAUSED`, `CANCELLING`, or one of `FINAL_TYPES`."""
    name: str
    message: str | None = None
    at: datetime | None = None
    transition_id: str | None = None
    """Who proposed it, where the proposer said so."""
    scheduled_time: datetime | None = None
    suspended: bool = False
    """A pause that ended the process on purpose; a blocking pause needs its process."""

    @property
    def final(self) -> bool:
        return self.type in FINAL_TYPES


@dataclass(frozen=True)
class FlowRun:
    """One flow run of the pool."""

    id: str
    name: str
    state: State
    due: datetime | None = None
    deployment_id: str | None = None
    queue_id: str | None = None
    parent_task_run_id: str | None = None
    infrastructure: str | None = None
    """What `infrastructure_pid` holds: the id of the last attempt."""
    retries_in_process: bool = False
    """It waits for a retry inside its engine; no worker is ever offered it."""
    started_by: str | None = None
    job_variables: Mapping[str, Any] | None = None


def read_state(data: Mapping[str, Any]) -> State:
    """A state from Prefect's JSON."""
    details = data.get("state_details") or {}
    return State(
        id=str(data["id"]),
        type=str(data["type"]),
        name=label(str(data.get("name") or data["type"])),
        message=data.get("message"),
        at=when(data.get("timestamp")),
        transition_id=details.get("transition_id"),
        scheduled_time=when(details.get("scheduled_time")),
        suspended=bool(details.get("pause_reschedule")),
    )


def read_flow_run(data: Mapping[str, Any]) -> FlowRun:
    """A flow run from Prefect's JSON. A poll leaves the state out and gives its id and type alone."""
    policy = data.get("empirical_policy") or {}
    creator = data.get("created_by") or {}
    started_by = creator.get("display_value") or creator.get("type")
    return FlowRun(
        id=str(data["id"]),
        name=label(str(data.get("name") or data["id"])),
        state=read_state(data["state"]) if data.get("state") else _bare_state(data),
        due=when(data.get("next_scheduled_start_time") or data.get("expected_start_time")),
        deployment_id=data.get("deployment_id"),
        queue_id=data.get("work_queue_id"),
        parent_task_run_id=data.get("parent_task_run_id"),
        infrastructure=data.get("infrastructure_pid"),
        retries_in_process=policy.get("retry_type") == "in_process",
        started_by=label(started_by) if started_by else None,
        job_variables=data.get("job_variables"),
    )


def _bare_state(data: Mapping[str, Any]) -> State:
    kind = str(data.get("state_type") or "SCHEDULED")
    return State(id=str(data.get("state_id")), type=kind, name=label(str(data.get("state_name") or kind)))


def when(text: object) -> datetime | None:
    """A time with its zone, or nothing. Prefect writes UTC, sometimes without saying so."""
    if not isinstance(text, str):
        return None
    time = datetime.fromisoformat(text)
    return time if time.tzinfo else time.replace(tzinfo=UTC)
