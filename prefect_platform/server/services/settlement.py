"""How an attempt ended, from what Prefect says. Pure: no database, no clock, no I/O.

Prefect's state decides, never the exit code: an engine that reported `Completed` and was killed a
moment later succeeded. What Prefect does not know yet is not decided here but by an agent, which
reads the flow run after every end.
"""

from __future__ import annotations

from prefect_platform.errors import UsageError
from prefect_platform.wire.runs import Settlement, Status

FINAL_STATES = {
    "COMPLETED": Status.SUCCEEDED,
    "FAILED": Status.FAILED,
    "CRASHED": Status.CRASHED,
    "CANCELLED": Status.CANCELLED,
}
"""Prefect's final state types, and the status they stand for."""

SUSPENDING_STATES = frozenset({"PAUSED", "SCHEDULED"})
"""The run goes on later as another attempt: this one did what it had to."""


def suspends(state_type: str) -> bool:
    """Whether this state ends the attempt, but not the run."""
    return state_type.upper() in SUSPENDING_STATES


def from_receipt(receipt: str | None, *, cancelled: bool) -> Status | None:
    """What the engine's receipt alone settles, or None where an agent has to read the flow run.

    `cancelled` says that somebody asked for a cancel: then a receipt of a crash may be the
    cancel's own doing, and only Prefect knows what it made of it.
    """
    state = (receipt or "").upper()
    if state in SUSPENDING_STATES:
        return None if cancelled else Status.SUCCEEDED
    found = FINAL_STATES.get(state)
    return None if found is Status.CRASHED and cancelled else found


def from_exit(exit_code: int | None, *, cancelled: bool) -> Status:
    """What settles a program that is no flow: its exit code, which is None where a signal ended it."""
    if cancelled:
        return Status.CANCELLED
    if exit_code is None:
        return Status.CRASHED
    return Status.FAILED if exit_code else Status.SUCCEEDED


def from_prefect(state_type: str, *, cancelled: bool) -> Status:
    """The status for what Prefect says after the processes were gone."""
    state = state_type.upper()
    if state in FINAL_STATES:
        return FINAL_STATES[state]
    if state in SUSPENDING_STATES:
        return Status.CANCELLED if cancelled else Status.SUCCEEDED
    return Status.CANCELLED if cancelled or state == "CANCELLING" else Status.CRASHED


def check(settlement: Settlement) -> None:
    """Refuse a settlement that contradicts itself.

    Raises:
        UsageError: the status is not final, or it is not what the final Prefect state stands for.
    """
    state = settlement.prefect_state_type.upper()
    if settlement.status not in set(FINAL_STATES.values()):
        raise UsageError(
            f"An attempt cannot be settled as {settlement.status.value}: settle it as one of "
            f"{', '.join(sorted(status.value for status in FINAL_STATES.values()))}."
        )
    expected = FINAL_STATES.get(state)
    if expected is not None and settlement.status is not expected:
        raise UsageError(
            f"Prefect's state {settlement.prefect_state!r} ({state}) means {expected.value}, "
            f"not {settlement.status.value}: settle the attempt as {expected.value}."
        )
