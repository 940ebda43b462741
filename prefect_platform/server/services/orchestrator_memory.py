"""`Orchestrator` without a Prefect: for tests of everyone who builds on the platform.

A test arranges deployments and states with the methods that the protocol does not have.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from prefect_platform.errors import NotFound, OrchestratorUnavailable
from prefect_platform.server.services.orchestrator import (
    FlowRunState,
    PrefectDeployment,
    TaskRunState,
    UpcomingRun,
)

FINAL = frozenset({"COMPLETED", "FAILED", "CANCELLED", "CRASHED"})


@dataclass
class MemoryDeployment:
    id: str
    name: str
    schedules: list[dict[str, Any]] = field(default_factory=list)
    automations: list[str] = field(default_factory=list)
    """Names of those that it owns."""
    paused: bool = False
    parameters: dict[str, Any] = field(default_factory=dict)
    parameter_schema: dict[str, Any] = field(default_factory=dict)
    enforced: bool = True


@dataclass(frozen=True)
class CreatedRun:
    """What a run was made with."""

    deployment_id: str
    parameters: dict[str, Any]
    tags: list[str]
    scheduled_time: datetime | None
    schedule_id: str | None = None
    at: datetime = field(default_factory=lambda: datetime.now(UTC))


class MemoryOrchestrator:
    """Prefect's rules as far as the protocol shows them."""

    def __init__(self) -> None:
        self.down = False
        """While true every call raises `OrchestratorUnavailable`."""
        self.deployments: dict[str, MemoryDeployment] = {}
        self.runs: dict[str, FlowRunState] = {}
        self.created: dict[str, CreatedRun] = {}
        self.tasks: dict[str, list[TaskRunState]] = {}
        """Task runs, by flow run, in the order in which they were due."""
        self._keys: dict[tuple[str, str], str] = {}

    def add_deployment(self, name: str = "deployment", schedules: Sequence[Mapping[str, Any]] = ()) -> str:
        """A deployment as a registration leaves it; its id."""
        made = MemoryDeployment(
            str(uuid.uuid4()), name, [{"id": str(uuid.uuid4()), "active": True, **one} for one in schedules]
        )
        self.deployments[made.id] = made
        return made.id

    def set_state(
        self, flow_run_id: str, state_type: str, state_name: str | None = None, message: str | None = None
    ) -> None:
        """What an engine or an agent would report to Prefect."""
        name = state_name or state_type.capitalize()
        known = self.runs.get(flow_run_id) or FlowRunState(
            flow_run_id, f"run-{flow_run_id[:8]}", state_type, name, message, None, None
        )
        now = datetime.now(UTC)
        self.runs[flow_run_id] = replace(
            known,
            state_type=state_type,
            state_name=name,
            message=message,
            start_time=known.start_time or (now if state_type == "RUNNING" else None),
            end_time=now if state_type in FINAL else None,
        )

    def schedule_run(self, deployment_id: str, due: datetime, schedule_id: str | None = None) -> str:
        """What Prefect's scheduler does: a run that a schedule has made for later; its id."""
        run_id = str(uuid.uuid4())
        self.set_state(run_id, "SCHEDULED")
        self.created[run_id] = CreatedRun(deployment_id, {}, [], due, schedule_id)
        return run_id

    async def check(self) -> str:
        self._answering()
        return "memory"

    async def create_run(
        self,
        deployment_id: str,
        parameters: Mapping[str, Any],
        tags: Sequence[str],
        scheduled_time: datetime | None,
        idempotency_key: str | None,
    ) -> FlowRunState:
        deployment = self._deployment(deployment_id)
        known = self._keys.get((deployment_id, idempotency_key or ""))
        if idempotency_key is not None and known is not None:
            return self.runs[known]
        run_id = str(uuid.uuid4())
        self.set_state(run_id, "SCHEDULED")
        self.created[run_id] = CreatedRun(
            deployment_id, {**deployment.parameters, **parameters}, list(tags), scheduled_time
        )
        if idempotency_key is not None:
            self._keys[deployment_id, idempotency_key] = run_id
        return self.runs[run_id]

    async def read_runs(self, flow_run_ids: Sequence[str]) -> dict[str, FlowRunState]:
        self._answering()
        return {one: self.runs[one] for one in flow_run_ids if one in self.runs}

    async def cancel_run(self, flow_run_id: str, reason: str) -> FlowRunState:
        self._answering()
        known = self.runs.get(flow_run_id)
        if known is None:
            raise NotFound(f"Prefect does not know flow run {flow_run_id}.")
        if known.state_type == "SCHEDULED":
            self.set_state(flow_run_id, "CANCELLED", message=reason)
        elif known.state_type not in FINAL:
            self.set_state(flow_run_id, "CANCELLING", message=reason)
        return self.runs[flow_run_id]

    async def run_parameters(self, flow_run_id: str) -> dict[str, Any]:
        self._answering()
        if flow_run_id not in self.runs:
            raise NotFound(f"Prefect does not know flow run {flow_run_id}.")
        made = self.created.get(flow_run_id)
        return {} if made is None else dict(made.parameters)

    async def task_runs(self, flow_run_id: str, limit: int) -> list[TaskRunState]:
        self._answering()
        return self.tasks.get(flow_run_id, [])[:limit]

    async def upcoming_runs(self, deployment_ids: Sequence[str], limit: int) -> list[UpcomingRun]:
        self._answering()
        found = [
            UpcomingRun(
                run_id,
                self.runs[run_id].name,
                made.deployment_id,
                made.scheduled_time or made.at,
                self.runs[run_id].state_name,
                made.schedule_id,
            )
            for run_id, made in self.created.items()
            if made.deployment_id in deployment_ids and self.runs[run_id].state_type == "SCHEDULED"
        ]
        return sorted(found, key=lambda one: one.due)[:limit]

    async def read_deployment(self, deployment_id: str) -> PrefectDeployment:
        found = self._deployment(deployment_id)
        return PrefectDeployment(
            found.paused,
            [dict(one) for one in found.schedules],
            dict(found.parameters),
            dict(found.parameter_schema),
            found.enforced,
        )

    async def set_paused(self, deployment_id: str, paused: bool) -> None:
        self._deployment(deployment_id).paused = paused

    async def delete_deployment(self, deployment_id: str) -> None:
        self._answering()
        self.deployments.pop(deployment_id, None)

    async def list_schedules(self, deployment_id: str) -> list[dict[str, Any]]:
        return [dict(one) for one in self._deployment(deployment_id).schedules]

    async def list_automations(self, deployment_id: str) -> list[str]:
        self._answering()
        known = self.deployments.get(deployment_id)
        return list(known.automations) if known is not None else []

    async def set_schedule_active(self, deployment_id: str, schedule_id: str, active: bool) -> None:
        for one in self._deployment(deployment_id).schedules:
            if one["id"] == schedule_id:
                one["active"] = active
                return
        raise NotFound(f"Prefect does not know schedule {schedule_id}.")

    async def aclose(self) -> None:
        return None

    def _answering(self) -> None:
        if self.down:
            raise OrchestratorUnavailable("Prefect (in memory) does not answer: the test took it away.")

    def _deployment(self, deployment_id: str) -> MemoryDeployment:
        self._answering()
        if deployment_id not in self.deployments:
            raise NotFound(f"Prefect does not know deployment {deployment_id}.")
        return self.deployments[deployment_id]
