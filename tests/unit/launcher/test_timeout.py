"""How long an engine may run."""

from __future__ import annotations

import pytest

from prefect_platform.launcher.timeout import Deadline, shown


def test_without_a_bound_it_never_passes() -> None:
    deadline = Deadline(None)
    assert not deadline.passed
    assert deadline.due_in() == float("inf")


def test_it_passes_when_its_time_is_over() -> None:
    now = [100.0]
    deadline = Deadline(60.0, clock=lambda: now[0])
    assert (deadline.passed, deadline.due_in()) == (False, 60.0)
    now[0] = 160.0
    assert (deadline.passed, deadline.due_in()) == (True, 0.0)
    assert deadline.sentence == "It ran longer than its timeout of 60 s, and was stopped."


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.5, "0.5 s"),
        (90, "90 s"),
        (7200, "2 h"),
        (5400, "1 h 30 min"),
        (120, "2 min"),
        (86400, "24 h"),
        (3601, "3601 s"),
    ],
)
def test_how_it_is_said(seconds: float, text: str) -> None:
    assert shown(seconds) == text
