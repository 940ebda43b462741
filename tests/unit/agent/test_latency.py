"""From the look that found a run to its engine: each run is measured once, in fixed buckets."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from prefect_platform.agent.latency import Latencies
from prefect_platform.wire.agents import LATENCY_BOUNDS
from prefect_platform.wire.runs import Attempt, Status, Transition

AT = datetime(2026, 1, 1, tzinfo=UTC)
Started = Callable[..., Attempt]


@pytest.fixture
def started(an_attempt: Callable[..., Attempt]) -> Callable[..., Attempt]:
    def make(run: str, seconds: float) -> Attempt:
        """An attempt whose engine started so long after `AT`."""
        attempt = an_attempt()
        ran = Transition(
            status=Status.RUNNING, at=AT + timedelta(seconds=seconds), actor="launcher", reason=None
        )
        workload = attempt.workload.model_copy(update={"transitions": [ran]})
        return attempt.model_copy(update={"workload": workload, "flow_run_id": run})

    return make


@pytest.mark.parametrize(
    ("seconds", "bucket"), [(0.0, 0), (0.25, 0), (0.3, 1), (2.0, 3), (300.0, 8), (900.0, 9)]
)
def test_a_start_is_counted_in_its_bucket_once(started: Started, seconds: float, bucket: int) -> None:
    latencies = Latencies()
    latencies.found("r", AT)
    for _ in range(2):
        latencies.see(started("r", seconds))
    told = latencies.told()
    assert told.counts == [int(n == bucket) for n in range(len(LATENCY_BOUNDS) + 1)]
    assert told.seconds == seconds


def test_what_this_agent_did_not_find_is_not_measured(started: Started, an_attempt: Started) -> None:
    latencies = Latencies()
    latencies.see(started("r", 1.0))
    latencies.found("r", AT + timedelta(seconds=5))
    latencies.see(started("r", 1.0))  # the attempt before this one
    latencies.see(an_attempt())
    assert sum(latencies.told().counts) == 0
    latencies.see(started("r", 6.0))
    assert latencies.told().seconds == 1.0


def test_what_is_remembered_is_bounded(started: Started) -> None:
    latencies = Latencies()
    for number in range(1500):
        latencies.found(f"r{number}", AT)
    latencies.see(started("r0", 1.0))
    latencies.see(started("r1499", 1.0))
    assert sum(latencies.told().counts) == 1
