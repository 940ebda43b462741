"""The last look at the flow run before the engine is started.

Prefect's engine runs whatever it is given, even a flow run that was cancelled meanwhile. So the launcher
does not start what has ended or is being cancelled. Where Prefect does not answer, the engine's own
retries decide.
"""

from __future__ import annotations

from prefect_platform.launcher.connection import Connection
from prefect_platform.launcher.faults import CallFault, LaunchFault
from prefect_platform.wire.launch import FlowRun

OVER = frozenset({"COMPLETED", "FAILED", "CRASHED", "CANCELLED", "CANCELLING"})
TIMEOUT_SECONDS = 3.0


class Over(LaunchFault):
    """The flow run must not be started any more."""


def check_wanted(flow_run: FlowRun) -> str:
    """What Prefect says of the flow run, as a sentence.

    Raises:
        Over: it has ended, or is being cancelled.
    """
    try:
        connection = Connection(flow_run.api_url, flow_run.authorization, timeout=TIMEOUT_SECONDS)
        answer = connection.call("GET", f"/flow_runs/{flow_run.id}")
        connection.close()
    except CallFault as fault:
        return f"Prefect could not be asked about the flow run, so it is started anyway. {fault}"
    state = answer.get("state")
    kind = str(state.get("type")) if isinstance(state, dict) else "unknown"
    name = str(state.get("name")) if isinstance(state, dict) else "unknown"
    if kind in OVER:
        raise Over(f"In Prefect the flow run was {name} already, so it was not started.")
    return f"In Prefect the flow run is {name}."
