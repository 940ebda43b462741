"""What an ended attempt means, decided from what Prefect says after its processes were gone. Pure.

The engine reports its own end; what it could not report, the agent does: Crashed and Cancelled,
unforced, and never over a final state. The exit code decides nothing. A decision is either one
state to propose, after which the flow run is read again, or the settlement that closes the case.
"""

from __future__ import annotations

import signal
from datetime import datetime

from prefect_platform.agent.claims import transition_id
from prefect_platform.agent.flow_run import FlowRun
from prefect_platform.agent.prefect_api import Proposal
from prefect_platform.wire.runs import Attempt, EndReport, Settlement, Status

Decision = Proposal | Settlement

_BY_TYPE = {
    "COMPLETED": Status.SUCCEEDED,
    "FAILED": Status.FAILED,
    "CANCELLED": Status.CANCELLED,
    "CRASHED": Status.CRASHED,
}
_SUSPENDED = "Suspended: this attempt has ended, the run goes on when it is resumed."
_RESCHEDULED = "Rescheduled: this attempt has ended, the run goes on with the next one."


def decide(attempt: Attempt, run: FlowRun | None, *, superseded: bool = False) -> Decision:
    """The next step for an attempt whose processes are gone.

    Args:
        attempt: As the platform knows it.
        run: The flow run as Prefect shows it now; None if it was deleted there.
        superseded: A later attempt of the same run exists, so Prefect's state is that one's.
    """
    if run is None:
        return _by_own_end(attempt, "Deleted")
    if superseded or _claimed_again(attempt, run):
        return _by_own_end(attempt, "Superseded")
    if run.state.final:
        return _final(attempt, run)
    if run.state.type == "CANCELLING":
        return _proposal(attempt, "CANCELLED", "Cancelled", attempt.reason)
    if _cancelled_here(attempt):
        return _proposal(attempt, "CANCELLING", "Cancelling", "Cancelled on the platform.")
    return _unfinished(attempt, run)


def _claimed_again(attempt: Attempt, run: FlowRun) -> bool:
    """Pending with another id is the next claim; `NotReady` is the engine's own doing."""
    state = run.state
    return state.type == "PENDING" and state.name != "NotReady" and state.id != attempt.pending_state_id


def _final(attempt: Attempt, run: FlowRun) -> Decision:
    state = run.state
    if state.transition_id == _mark(attempt, "CRASHED", "retry"):
        # Second half of the cure below, perhaps by another life of this agent.
        return _retry(attempt, state.scheduled_time)
    status = _BY_TYPE[state.type]
    plain = status in (Status.SUCCEEDED, Status.CANCELLED)
    return _settled(run, status, None if plain else _reason(attempt) or state.message)


def _unfinished(attempt: Attempt, run: FlowRun) -> Decision:
    state = run.state
    if state.type == "SCHEDULED":
        if run.retries_in_process:
            # Its engine waited for the retry and is gone; no worker is offered such a run.
            # Crashed, then scheduled anew, and it is.
            return _crash(attempt, run, "retry")
        if state.transition_id == _mark(attempt, "SCHEDULED", "retry"):
            return _settled(run, Status.CRASHED, cause(attempt, "waiting for a retry"))
        return _settled(run, Status.SUCCEEDED, _RESCHEDULED)
    if state.type == "PAUSED" and state.suspended:
        return _settled(run, Status.SUCCEEDED, _SUSPENDED)
    return _crash(attempt, run)


def _crash(attempt: Attempt, run: FlowRun, *purpose: str) -> Proposal:
    return Proposal(
        "CRASHED",
        "Crashed",
        _mark(attempt, "CRASHED", *purpose),
        cause(attempt, run.state.name),
        # Remembers when the retry was due; Prefect keeps it and gives it no meaning here.
        scheduled_time=run.state.scheduled_time if purpose else None,
    )


def _retry(attempt: Attempt, due: datetime | None) -> Proposal:
    message = "The engine that waited for this retry is gone; another one takes it up."
    return Proposal(
        "SCHEDULED", "AwaitingRetry", _mark(attempt, "SCHEDULED", "retry"), message, scheduled_time=due
    )


def _proposal(attempt: Attempt, kind: str, name: str, message: str | None) -> Proposal:
    return Proposal(kind, name, _mark(attempt, kind), message)


def _mark(attempt: Attempt, kind: str, *purpose: str) -> str:
    return transition_id("settle", attempt.id, kind, *purpose)


def _settled(run: FlowRun, status: Status, reason: str | None) -> Settlement:
    return Settlement(
        status=status, prefect_state=run.state.name, prefect_state_type=run.state.type, reason=_short(reason)
    )


def _cancelled_here(attempt: Attempt) -> bool:
    return attempt.workload.cancel_requested_by is not None or attempt.status is Status.CANCELLED


def _by_own_end(attempt: Attempt, name: str) -> Settlement:
    """For an attempt that Prefect's state says nothing about: how its own engine ended."""
    end = attempt.workload.end
    receipt = (end.receipt or "").upper() if end else ""
    if receipt in _BY_TYPE:
        status = _BY_TYPE[receipt]
    elif receipt in ("PAUSED", "SCHEDULED"):
        status = Status.SUCCEEDED
    elif _cancelled_here(attempt):
        status = Status.CANCELLED
    else:
        status = Status.CRASHED
    reason = cause(attempt, name) if status is Status.CRASHED else _reason(attempt)
    said = receipt or name.upper()
    return Settlement(status=status, prefect_state=name, prefect_state_type=said, reason=_short(reason))


def _reason(attempt: Attempt) -> str | None:
    end = attempt.workload.end
    return (end.reason if end else None) or attempt.reason


def cause(attempt: Attempt, state_name: str) -> str:
    """Why an attempt counts as crashed: the launcher's own sentence, or what can be told without it."""
    told = _reason(attempt)
    if told:
        return told
    return f"{_manner(attempt.workload.end)} while Prefect still said {state_name}. See the end of its log."


def _manner(end: EndReport | None) -> str:
    if end is None:
        return "Its processes are gone and left no report"
    if end.signal is not None:
        return f"The engine was killed by {_signal_name(end.signal)}"
    if end.exit_code == 0:
        return "The engine exited with code 0 and without a report (something called os._exit)"
    return f"The engine exited with code {end.exit_code}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _short(text: str | None) -> str | None:
    return text if text is None or len(text) <= 4096 else text[:4095] + "…"
