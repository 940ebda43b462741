"""What comes next, for every state that a workload can be found in."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from prefect_platform.backends.base import Observed, Phase
from prefect_platform.server.controller.reconcile import Facts, Step, next_step
from prefect_platform.server.controller.silence import Silence
from prefect_platform.testing.manual_clock import ManualClock
from prefect_platform.wire.runs import Status, Target

NEW = Facts(Status.QUEUED, Target.RUNNING, False, False, False, False, 30.0, None, None)
TAKEN = replace(NEW, status=Status.PROVISIONING)
HALF = replace(TAKEN, has_handle=True)
PLACED = replace(HALF, placed=True)
RUNS = replace(PLACED, status=Status.RUNNING)
OVER = replace(RUNS, ended_seconds=0.1)
DONE = replace(OVER, status=Status.SUCCEEDED)
STOPPED = {"target": Target.STOPPED}
SEEN = {phase: Observed(phase) for phase in Phase}


@pytest.mark.parametrize(
    ("facts", "phase", "step"),
    [
        (NEW, None, Step.ADMIT),
        (replace(NEW, **STOPPED), None, Step.DROP),
        (TAKEN, None, Step.START),
        (replace(TAKEN, **STOPPED), None, Step.DROP),
        (HALF, Phase.PENDING, Step.START),
        (HALF, Phase.ABSENT, Step.START),
        (HALF, None, Step.START),
        (HALF, Phase.RUNNING, None),
        (HALF, Phase.ENDED, Step.END),
        (replace(HALF, **STOPPED), Phase.PENDING, Step.DROP),
        (replace(HALF, **STOPPED), Phase.RUNNING, Step.STOP),
        (PLACED, Phase.PENDING, None),
        (PLACED, Phase.ABSENT, None),
        (PLACED, Phase.ENDED, Step.END),
        (RUNS, Phase.RUNNING, None),
        (RUNS, Phase.ENDED, Step.END),
        (RUNS, None, None),
        (replace(RUNS, **STOPPED), Phase.RUNNING, Step.STOP),
        (replace(RUNS, **STOPPED, asked_seconds=1.0), Phase.RUNNING, None),
        (replace(RUNS, **STOPPED, asked_seconds=49.0), Phase.RUNNING, None),
        (replace(RUNS, **STOPPED, asked_seconds=51.0), Phase.RUNNING, Step.STOP),
        (replace(RUNS, **STOPPED), Phase.ABSENT, Step.END),
        (OVER, Phase.RUNNING, None),
        (replace(OVER, ended_seconds=31.0), Phase.RUNNING, Step.STOP),
        (replace(OVER, **STOPPED, asked_seconds=2.0), Phase.RUNNING, None),
        (OVER, Phase.ENDED, Step.END),
        (OVER, None, None),
        (replace(OVER, gone=True), Phase.ENDED, Step.COMPLETE_LOGS),
        (replace(OVER, gone=True), None, None),
        (replace(OVER, gone=True, logs_complete=True), Phase.ENDED, None),
        (replace(DONE, gone=True, logs_complete=True), Phase.ENDED, Step.REMOVE),
        (replace(DONE, gone=True, logs_complete=True), Phase.ABSENT, Step.REMOVE),
        (replace(DONE, gone=True), Phase.ENDED, Step.COMPLETE_LOGS),
        (replace(DONE, **STOPPED), Phase.RUNNING, Step.STOP),
        (replace(DONE, has_handle=False), None, Step.REMOVE),
    ],
)
def test_next(facts: Facts, phase: Phase | None, step: Step | None) -> None:
    assert next_step(facts, None if phase is None else SEEN[phase], silent=False) is step


@pytest.mark.parametrize(
    ("facts", "phase", "step"),
    [
        (RUNS, None, Step.SILENT),
        (RUNS, Phase.ABSENT, Step.SILENT),
        (PLACED, Phase.ABSENT, Step.SILENT),
        (RUNS, Phase.RUNNING, None),
        (OVER, None, Step.END),
        (TAKEN, None, Step.START),
        (NEW, None, Step.ADMIT),
    ],
)
def test_next_after_a_long_silence(facts: Facts, phase: Phase | None, step: Step | None) -> None:
    assert next_step(facts, None if phase is None else SEEN[phase], silent=True) is step


def test_what_is_done_is_removed_whatever_led_there_and_nothing_is_removed_while_it_lives() -> None:
    for status, target, gone, complete, phase in itertools.product(
        Status, Target, [True, False], [True, False], Phase
    ):
        facts = Facts(status, target, True, True, gone, complete, 30.0, 1.0, 1.0)
        step = next_step(facts, SEEN[phase], silent=False)
        if step is Step.REMOVE:
            assert gone
            assert complete
            assert phase in (Phase.ENDED, Phase.ABSENT)


def test_silence_counts_the_time_awake_since_this_controller_looked() -> None:
    clock, silence = ManualClock(), Silence()
    seen_at = clock.now()
    assert silence.hear("w", seen_at, None, clock.uptime()) == 0
    clock.machine_sleeps(3600)
    assert silence.hear("w", seen_at, None, clock.uptime()) == 0, "the machine slept"
    assert silence.hear("w", seen_at, None, clock.uptime() + 50) == 50
    assert silence.hear("w", clock.now(), None, clock.uptime() + 55) == 0, "its launcher spoke"
    assert silence.hear("w", clock.now(), SEEN[Phase.ABSENT], clock.uptime() + 65) == 10
    assert silence.hear("w", clock.now(), SEEN[Phase.RUNNING], clock.uptime() + 65) == 0, "its backend spoke"
    silence.forget_others([])
    assert silence.hear("w", clock.now(), None, clock.uptime() + 99) == 0, "a restart counts anew"
