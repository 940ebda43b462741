"""Attempts and flow runs as the tests of the agent make them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from prefect_platform.agent.flow_run import FlowRun, State
from prefect_platform.wire.runs import Attempt, EndReport, Status, Target, Workload, WorkloadKind

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def an_attempt() -> Callable[..., Attempt]:
    """`an_attempt(number, status, end={...}, **fields of the workload)`: its processes are gone."""

    def make(
        number: int = 1, status: Status = Status.RUNNING, end: dict[str, Any] | None = None, **workload: Any
    ) -> Attempt:
        empty = dict.fromkeys(("exit_code", "signal", "receipt", "peak_memory_bytes", "reason"))
        fields: dict[str, Any] = {
            "id": f"wl-{number}",
            "kind": WorkloadKind.RUN_ATTEMPT,
            "project": "default",
            "target": Target.RUNNING,
            "status": status,
            "cores": 1,
            "memory_bytes": 1,
            "created_at": NOW,
            "ended_at": NOW,
            "steps": [],
            "transitions": [],
            "end": None if end is None else EndReport(**(empty | end)),
            "cancel_requested_by": None,
            "promises": None,
        }
        return Attempt(
            id=f"at-{number}",
            number=number,
            flow_run_id="run",
            pending_state_id=f"pending-{number}",
            agent_id="ag-1",
            status=status,
            reason=None,
            settled_at=None,
            workload=Workload(**(fields | workload)),
        )

    return make


@pytest.fixture
def a_run() -> Callable[..., FlowRun]:
    """`a_run(type, name, **fields of the state)`: a flow run as Prefect shows it."""

    def make(
        kind: str, name: str | None = None, *, retries_in_process: bool = False, **state: Any
    ) -> FlowRun:
        given = {"id": "pending-1" if kind == "PENDING" else "state"} | state
        shown = State(type=kind, name=name or kind.title(), **given)
        return FlowRun("run", "bold-squid", shown, retries_in_process=retries_in_process)

    return make
