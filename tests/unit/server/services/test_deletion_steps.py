"""The order of a deletion, and its words."""

from __future__ import annotations

from typing import Any

import pytest

from prefect_platform.server.services.deletion_steps import (
    Left,
    Move,
    Step,
    next_move,
    refusal,
    schedule_words,
)


def test_runs_first_then_prefect_then_code_and_the_flow_last() -> None:
    left = Left(["r1", "r2"], ["d1"], ["b1"])
    moves = []
    while True:
        moves.append(next_move(left))
        match moves[-1].step:
            case Step.CANCEL_RUN:
                left = Left(left.runs[1:], left.deployments, left.bundles)
            case Step.DELETE_DEPLOYMENT:
                left = Left(left.runs, left.deployments[1:], left.bundles)
            case Step.REMOVE_BUNDLE:
                left = Left(left.runs, left.deployments, left.bundles[1:])
            case Step.FINISH:
                break
    assert moves == [
        Move(Step.CANCEL_RUN, "r1"), Move(Step.CANCEL_RUN, "r2"), Move(Step.DELETE_DEPLOYMENT, "d1"),
        Move(Step.REMOVE_BUNDLE, "b1"), Move(Step.FINISH),
    ]  # fmt: skip


def test_what_comes_late_goes_before_the_rest() -> None:
    assert next_move(Left(["late"], [], ["b1"])) == Move(Step.CANCEL_RUN, "late")
    assert next_move(Left([], ["late"], ["b1"])) == Move(Step.DELETE_DEPLOYMENT, "late")


def test_a_refusal_names_runs_and_the_next_step() -> None:
    one = refusal("etl", [("brave-otter", "running")])
    assert "has an open run: brave-otter (running)." in one
    assert "flow delete etl --cancel-runs" in one
    many = refusal("etl", [(f"r{n}", "queued") for n in range(8)])
    assert "8 open runs: r0 (queued), " in many
    assert "r4 (queued) and 3 more." in many


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        ({"schedule": {"cron": "0 2 * * *"}, "active": True}, "cron 0 2 * * *"),
        ({"schedule": {"interval": 3600.0}, "active": False}, "every 3600 s (paused)"),
        ({"schedule": {"rrule": "FREQ=DAILY"}}, "FREQ=DAILY"),
        ({"schedule": {"cron": None}, "active": True}, "a schedule"),
        ({"schedule": None}, "a schedule"),
        ({}, "a schedule"),
    ],
)
def test_schedules_in_words(schedule: dict[str, Any], words: str) -> None:
    assert schedule_words(schedule) == words
