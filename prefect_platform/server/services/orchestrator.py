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
