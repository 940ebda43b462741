"""Every pair of what Prefect says and how an attempt ended, and the one step that follows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from prefect_platform.agent.flow_run import FlowRun
from prefect_platform.agent.prefect_api import Proposal
from prefect_platform.agent.settlement import cause, decide
from prefect_platform.wire.runs import Attempt, Settlement, Status

Make = Callable[..., Attempt]
Run = Callable[..., FlowRun]
DUE = datetime(2026, 1, 1, 12, tzinfo=UTC)


def proposed(decision: object) -> Proposal:
    assert isinstance(decision, Proposal), decision
    return decision


def settled(decision: object) -> Settlement:
    assert isinstance(decision, Settlement), decision
    return decision


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("COMPLETED", Status.SUCCEEDED),
        ("FAILED", Status.FAILED),
        ("CANCELLED", Status.CANCELLED),
        ("CRASHED", Status.CRASHED),
    ],
)
@pytest.mark.parametrize("exit_code", [0, 1, None])
def test_a_final_state_decides_and_the_exit_code_does_not(
    an_attempt: Make, a_run: Run, kind: str, status: Status, exit_code: int | None
) -> None:
    decision = settled(decide(an_attempt(end={"exit_code": exit_code}), a_run(kind)))
    assert (decision.status, decision.prefect_state_type) == (status, kind)


@pytest.mark.parametrize(
    ("kind", "name"), [("PENDING", "Pending"), ("RUNNING", "Running"), ("PENDING", "NotReady")]
)
def test_an_unfinished_state_is_crashed_with_the_cause(
    an_attempt: Make, a_run: Run, kind: str, name: str
) -> None:
    attempt = an_attempt(end={"exit_code": 0, "reason": "os._exit(0) was called"})
    state_id = "pending-1" if name == "Pending" else "by-engine"
    decision = proposed(decide(attempt, a_run(kind, name, id=state_id)))
    assert (decision.type, decision.message) == ("CRASHED", "os._exit(0) was called")


def test_failed_is_never_proposed(an_attempt: Make, a_run: Run) -> None:
    """Prefect would make it a retry in a process that is gone, which no worker ever sees."""
    decision = proposed(decide(an_attempt(end={"exit_code": 1}), a_run("RUNNING")))
    assert decision.type == "CRASHED"


def test_the_same_step_has_the_same_transition_id(an_attempt: Make, a_run: Run) -> None:
    first, second = (proposed(decide(an_attempt(), a_run("RUNNING"))) for _ in range(2))
    other = proposed(decide(an_attempt(2), a_run("RUNNING")))
    assert first.transition_id == second.transition_id != other.transition_id


def test_cancelling_ends_as_cancelled(an_attempt: Make, a_run: Run) -> None:
    """From Cancelling, Prefect rejects Crashed: a kill after the grace period is still a cancel."""
    assert proposed(decide(an_attempt(end={"signal": 9}), a_run("CANCELLING"))).type == "CANCELLED"


@pytest.mark.parametrize("kind", ["PENDING", "RUNNING", "SCHEDULED"])
def test_a_cancel_that_prefect_has_not_heard_of_goes_through_cancelling(
    an_attempt: Make, a_run: Run, kind: str
) -> None:
    assert proposed(decide(an_attempt(cancel_requested_by="alice"), a_run(kind))).type == "CANCELLING"


def test_a_cancelled_queue_entry_is_cancelled_in_prefect_too(an_attempt: Make, a_run: Run) -> None:
    assert proposed(decide(an_attempt(status=Status.CANCELLED), a_run("PENDING"))).type == "CANCELLING"


def test_suspended_ends_the_attempt_and_not_the_run(an_attempt: Make, a_run: Run) -> None:
    decision = settled(decide(an_attempt(end={"exit_code": 0}), a_run("PAUSED", "Suspended", suspended=True)))
    assert decision.status is Status.SUCCEEDED
    assert "resumed" in (decision.reason or "")


def test_a_blocking_pause_whose_process_is_gone_is_crashed(an_attempt: Make, a_run: Run) -> None:
    """Resuming it would make it Running with nobody to run it."""
    assert proposed(decide(an_attempt(end={"signal": 9}), a_run("PAUSED"))).type == "CRASHED"


@pytest.mark.parametrize("name", ["Resuming", "Scheduled", "AwaitingRetry"])
def test_scheduled_ends_the_attempt_and_not_the_run(an_attempt: Make, a_run: Run, name: str) -> None:
    assert settled(decide(an_attempt(), a_run("SCHEDULED", name))).status is Status.SUCCEEDED


def test_a_retry_whose_engine_is_gone_is_crashed_and_scheduled_anew(an_attempt: Make, a_run: Run) -> None:
    """Three steps, each read back from Prefect: the agent may die between any two of them."""
    attempt = an_attempt(end={"signal": 9})
    stuck = a_run("SCHEDULED", "AwaitingRetry", retries_in_process=True, scheduled_time=DUE)
    crash = proposed(decide(attempt, stuck))
    assert crash.type == "CRASHED"
    crashed = a_run("CRASHED", transition_id=crash.transition_id, scheduled_time=crash.scheduled_time)
    again = proposed(decide(attempt, crashed))
    assert (again.type, again.name, again.scheduled_time) == ("SCHEDULED", "AwaitingRetry", DUE)
    rescheduled = a_run("SCHEDULED", "AwaitingRetry", transition_id=again.transition_id)
    assert settled(decide(attempt, rescheduled)).status is Status.CRASHED


def test_an_ordinary_crash_is_not_scheduled_anew(an_attempt: Make, a_run: Run) -> None:
    crash = proposed(decide(an_attempt(), a_run("RUNNING")))
    assert (
        settled(decide(an_attempt(), a_run("CRASHED", transition_id=crash.transition_id))).status
        is Status.CRASHED
    )


@pytest.mark.parametrize("kind", ["PENDING", "RUNNING", "CANCELLING", "COMPLETED"])
def test_a_later_attempt_is_left_alone(an_attempt: Make, a_run: Run, kind: str) -> None:
    decision = settled(decide(an_attempt(end={"signal": 9}), a_run(kind), superseded=True))
    assert decision.status is Status.CRASHED
    assert decision.prefect_state_type not in {"COMPLETED", "RUNNING"}


def test_pending_of_the_next_claim_is_left_alone(an_attempt: Make, a_run: Run) -> None:
    decision = settled(decide(an_attempt(end={"receipt": "FAILED"}), a_run("PENDING", id="another")))
    assert (decision.status, decision.prefect_state_type) == (Status.FAILED, "FAILED")


@pytest.mark.parametrize(
    ("end", "cancelled_by", "status"),
    [
        ({"receipt": "COMPLETED"}, None, Status.SUCCEEDED),
        ({"receipt": "PAUSED"}, None, Status.SUCCEEDED),
        ({"signal": 9}, None, Status.CRASHED),
        ({"signal": 9}, "alice", Status.CANCELLED),
        (None, None, Status.CRASHED),
    ],
)
def test_a_deleted_flow_run_is_settled_by_its_own_end(
    an_attempt: Make, end: dict[str, object] | None, cancelled_by: str | None, status: Status
) -> None:
    assert settled(decide(an_attempt(end=end, cancel_requested_by=cancelled_by), None)).status is status


@pytest.mark.parametrize(
    ("end", "words"),
    [
        (None, "left no report"),
        ({"signal": 9}, "SIGKILL"),
        ({"signal": 77}, "signal 77"),
        ({"exit_code": 0}, "os._exit"),
        ({"exit_code": 5}, "code 5"),
        ({"exit_code": 5, "reason": "Out of memory."}, "Out of memory."),
    ],
)
def test_the_cause_is_a_sentence(an_attempt: Make, end: dict[str, object] | None, words: str) -> None:
    assert words in cause(an_attempt(end=end), "Running")


def test_a_long_reason_fits_a_settlement(an_attempt: Make, a_run: Run) -> None:
    attempt = an_attempt(end={"reason": "x" * 10_000})
    assert len(settled(decide(attempt, replace(a_run("CRASHED")))).reason or "") == 4096
