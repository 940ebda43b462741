"""From the look that found a run to its engine: each run is measured once, in fixed buckets."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from prefect_platform.agent.histogram import BOUNDS
from prefect_platform.agent.latency import Latencies
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
    ("seconds", "bucket"), [(0.0, 0), (0.5, 0), (0.6, 1), (2.0, 2), (60.0, 7), (900.0, 8)]
)
def test_a_start_is_counted_in_its_bucket_once(started: Started, seconds: float, bucket: int) -> None:
    latencies = Latencies()
    latencies.found("r", AT)
    for _ in range(2):
        latencies.see(started("r", seconds))
    counts = [one.count for one in latencies.buckets()]
    assert counts == [int(n == bucket) for n in range(len(BOUNDS) + 1)]


def test_what_this_agent_did_not_find_is_not_measured(started: Started, an_attempt: Started) -> None:
    latencies = Latencies()
    latencies.see(started("r", 1.0))
    latencies.found("r", AT + timedelta(seconds=5))
    latencies.see(started("r", 1.0))  # the attempt before this one
    latencies.see(an_attempt())
    assert latencies.buckets() == []
    latencies.see(started("r", 6.0))
    assert [one.le_seconds for one in latencies.buckets() if one.count] == [1.0]


def test_what_is_remembered_is_bounded(started: Started) -> None:
    latencies = Latencies()
    for number in range(1500):
        latencies.found(f"r{number}", AT)
    latencies.see(started("r0", 1.0))
    latencies.see(started("r1499", 1.0))
    assert sum(one.count for one in latencies.buckets()) == 1
