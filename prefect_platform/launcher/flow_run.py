"""The last look at the flow run before the engine is started.

Prefect's engine runs whatever it is given, even a flow run that was cancelled meanwhile. So the launcher
does not start what has ended or is being cancelled. Where Prefect does not answer, the engine's own
retries decide; where it asks to be left alone for a while, the launcher waits.
"""

from __future__ import annotations

import time
from typing import Any

from prefect_platform.launcher.connection import Connection
from prefect_platform.launcher.faults import CallFault, LaunchFault, Unreachable
from prefect_platform.launcher.signals import Interrupts
from prefect_platform.wire.launch import FlowRun

OVER = frozenset({"COMPLETED", "FAILED", "CRASHED", "CANCELLED", "CANCELLING"})
TIMEOUT_SECONDS = 3.0
PATIENCE_SECONDS = 60.0
"""Longest wait, all in all, for a Prefect that says when to ask again."""
SHORTEST_WAIT = 0.5


class Over(LaunchFault):
    """The flow run must not be started any more."""


def check_wanted(flow_run: FlowRun, interrupts: Interrupts) -> str:
    """What Prefect says of the flow run, as a sentence.

    Raises:
        Over: it has ended, or is being cancelled.
        Stopped: the end of the workload was asked for meanwhile.
    """
    try:
        answer = _asked(flow_run, interrupts)
    except CallFault as fault:
        return f"Prefect could not be asked about the flow run, so it is started anyway. {fault}"
    state = answer.get("state")
    kind = str(state.get("type")) if isinstance(state, dict) else "unknown"
    name = str(state.get("name")) if isinstance(state, dict) else "unknown"
    if kind in OVER:
        raise Over(f"In Prefect the flow run was {name} already, so it was not started.")
    return f"In Prefect the flow run is {name}."


def _asked(flow_run: FlowRun, interrupts: Interrupts) -> dict[str, Any]:
    """The flow run. Raises: CallFault, once there is no answer, or none in time."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        connection = Connection(flow_run.api_url, flow_run.authorization, timeout=TIMEOUT_SECONDS)
        try:
            return connection.call("GET", f"/flow_runs/{flow_run.id}")
        except Unreachable as fault:
            again = _again_at(fault)
            if again is None or again > deadline:
                raise
            _rest(interrupts, again)
        finally:
            connection.close()


def _again_at(fault: Unreachable) -> float | None:
    """When Prefect wants to be asked again; None where it has not said."""
    if fault.retry_after is None:
        return None
    from prefect_platform.wire.retry_after import seconds  # dates need a mail parser, which takes long

    said = seconds(fault.retry_after)
    return None if said is None else time.monotonic() + max(SHORTEST_WAIT, said)


def _rest(interrupts: Interrupts, until: float) -> None:
    interrupts.check()
    while (left := until - time.monotonic()) > 0:
        interrupts.sleep(left)
        interrupts.check()
