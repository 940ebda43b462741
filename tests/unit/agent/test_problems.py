from __future__ import annotations

from datetime import UTC, datetime

import pytest

from prefect_platform.agent.problems import Problems
from prefect_platform.errors import Unavailable


def test_a_problem_is_said_until_it_is_over() -> None:
    problems = Problems()
    with problems.watch("platform"):
        raise Unavailable("The platform is asleep.")
    assert problems.sentence() == "The platform is asleep."
    with problems.watch("platform"):
        pass
    assert problems.sentence() is None


def test_a_fault_of_ours_is_not_swallowed() -> None:
    with pytest.raises(ZeroDivisionError), Problems().watch("platform"):
        raise ZeroDivisionError


def test_a_remark_passes() -> None:
    now = [0.0]
    problems = Problems(lambda: now[0])
    problems.remark("One run is odd.")
    assert problems.sentence() == "One run is odd."
    now[0] = 121
    assert problems.sentence() is None


def test_the_report_is_bounded() -> None:
    problems = Problems()
    problems.remark("x" * 5000)
    assert len(problems.sentence() or "") == 1024


def test_the_same_problem_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    problems = Problems()
    problems.open("prefect", "Prefect is asleep.")
    problems.open("prefect", "Prefect is still asleep.")
    assert len(caplog.records) == 1


def test_it_is_known_since_when() -> None:
    at = [datetime(2026, 1, 1, hour, tzinfo=UTC) for hour in range(3)]
    moments = iter(at)
    problems = Problems(now=lambda: next(moments))
    assert problems.since is None
    problems.open("prefect", "Prefect is asleep.")
    problems.open("events", "No events.")
    problems.open("prefect", "Prefect is still asleep.")
    assert problems.since == at[0]
    problems.close("prefect")
    assert problems.since == at[1]
    problems.close("events")
    assert problems.since is None
