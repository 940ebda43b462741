from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from prefect_platform.agent.running import Running, start_up_seconds
from prefect_platform.wire.runs import Attempt, Status, Transition, Work

Make = Callable[..., Attempt]


def work(*still_open: Attempt) -> Work:
    return Work(cursor="c", unsettled=[], open=list(still_open), cancel=[])


def started(an_attempt: Make) -> Attempt:
    attempt = an_attempt()
    at = attempt.workload.created_at
    moves = [
        Transition(status=status, at=at + timedelta(seconds=seconds), actor="x", reason=None)
        for status, seconds in ((Status.QUEUED, 0), (Status.PROVISIONING, 30), (Status.RUNNING, 31))
    ]
    workload = attempt.workload.model_copy(update={"transitions": moves})
    return attempt.model_copy(update={"workload": workload})


def test_an_attempt_is_known_before_the_platform_lists_it(an_attempt: Make) -> None:
    running = Running()
    running.got(an_attempt())
    running.now(work())
    assert running.open_attempt("run") == an_attempt()


def test_the_latest_attempt_counts(an_attempt: Make) -> None:
    running = Running()
    running.now(work(an_attempt(1)))
    running.got(an_attempt(2))
    found = running.open_attempt("run")
    assert found is not None
    assert found.number == 2


def test_what_nobody_lists_is_forgotten(an_attempt: Make) -> None:
    now = [0.0]
    running = Running(lambda: now[0])
    running.got(an_attempt())
    running.cancelled("run")
    now[0] = 61
    running.now(work())
    assert running.open_attempt("run") is None
    assert not running.was_cancelled("run")


def test_waiting_for_room_is_no_start_up(an_attempt: Make) -> None:
    assert start_up_seconds(started(an_attempt)) == 1.15
    assert start_up_seconds(an_attempt()) is None


def test_each_start_is_measured_once(an_attempt: Make) -> None:
    running = Running()
    attempt = started(an_attempt)
    assert running.now(work(attempt)) == [1.15]
    assert running.now(work(attempt)) == []
