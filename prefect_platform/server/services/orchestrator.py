"""`Orchestrator`: what the server asks of Prefect. Agents and engines talk to Prefect themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol


@dataclass(frozen=True)
class FlowRunState:
    """A flow run as Prefect shows it."""

    flow_run_id: str
    name: str
    state_type: str
    """`SCHEDULED`, `PENDING`, `RUNNING`, `PAUSED`, `CANCELLING`, or a final one: `COMPLETED`, `FAILED`,
    `CANCELLED`, `CRASHED`."""
    state_name: str
    message: str | None
    start_time: datetime | None
    end_time: datetime | None


@dataclass(frozen=True)
class UpcomingRun:
    """A flow run that waits for its time."""

    flow_run_id: str
    name: str
    deployment_id: str
    due: datetime
    state_name: str
    schedule_id: str | None
    """The schedule that made it, if one did."""


@dataclass(frozen=True)
class TaskRunState:
    """A task run as Prefect shows it."""

    id: str
    name: str
    task_key: str
    state_type: str
    state_name: str
    start_time: datetime | None
    end_time: datetime | None
    upstream: tuple[str, ...] = ()
    """Ids of the task runs that it took results of, or waited for."""
    parent_id: str | None = None
    """The task run that called it."""


@dataclass(frozen=True)
class PrefectDeployment:
    """A deployment as it stands in Prefect, where people change it too."""

    paused: bool
    schedules: list[dict[str, Any]]
    parameters: dict[str, Any]
    parameter_schema: dict[str, Any]
    enforced: bool
    """Whether parameters have to fit the schema."""


class Orchestrator(Protocol):
    """The Prefect API of one project. Every method retries what is safe to retry.

    Raises `OrchestratorUnavailable` when Prefect does not answer, with the address and the next
    step in its message, and `NotFound` for what Prefect does not know.
    """

    async def check(self) -> str:
        """Prefect's version, as proof that it answers."""
        ...

    async def create_run(
        self,
        deployment_id: str,
        parameters: Mapping[str, Any],
        tags: Sequence[str],
        scheduled_time: datetime | None,
        idempotency_key: str | None,
    ) -> FlowRunState:
        """Make a flow run of a deployment, due now or at `scheduled_time`."""
        ...

    async def read_runs(self, flow_run_ids: Sequence[str]) -> dict[str, FlowRunState]:
        """The runs that Prefect knows, by id."""
        ...

    async def cancel_run(self, flow_run_id: str, reason: str) -> FlowRunState:
        """Propose Cancelling. A run that has not started becomes Cancelled at once; a run in a
        final state stays as it is."""
        ...

    async def run_parameters(self, flow_run_id: str) -> dict[str, Any]:
        """What a flow run was started with: its deployment's parameters and over them its own."""
        ...

    async def task_runs(self, flow_run_id: str, limit: int) -> list[TaskRunState]:
        """The task runs of a flow run in the order in which they were due, at most `limit`; none of a flow
        run that Prefect does not know."""
        ...

    async def upcoming_runs(self, deployment_ids: Sequence[str], limit: int) -> list[UpcomingRun]:
        """The next runs of these deployments that wait for their time, at most `limit`, the first due first.
        Those that are late are among them."""
        ...

    async def read_deployment(self, deployment_id: str) -> PrefectDeployment: ...

    async def set_paused(self, deployment_id: str, paused: bool) -> None:
        """Let no schedule of a deployment make runs, or let them again. No-op if it is so already."""
        ...

    async def delete_deployment(self, deployment_id: str) -> None:
        """Delete a deployment, its schedules and the automations it owns. No-op if it is gone."""
        ...

    async def list_schedules(self, deployment_id: str) -> list[dict[str, Any]]: ...

    async def list_automations(self, deployment_id: str) -> list[str]:
        """Names of the automations that a deployment owns, and of others that act on it. None of what is not
        there."""
        ...

    async def set_schedule_active(self, deployment_id: str, schedule_id: str, active: bool) -> None: ...

    async def aclose(self) -> None: ...
