"""The last look before the engine: what is over is not started, and Prefect is left alone where it asks."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from prefect_platform.launcher import flow_run
from prefect_platform.launcher.faults import Stopped
from prefect_platform.launcher.flow_run import Over, check_wanted
from prefect_platform.wire.launch import FlowRun
from tests.interrupts import Quiet
from tests.unit.launcher.test_http11 import Scripted, reply

PENDING = reply(200, json.dumps({"state": {"type": "PENDING", "name": "Pending"}}).encode())
OVER = reply(200, json.dumps({"state": {"type": "CANCELLED", "name": "Cancelled"}}).encode())


def too_many(*headers: str) -> bytes:
    lines = ["HTTP/1.1 429 X", "Connection: close", *headers, "Content-Length: 0", "", ""]
    return "\r\n".join(lines).encode()


class Clock(Quiet):
    """Interrupts under which time passes in sleep alone; stopped once so much of it has."""

    def __init__(self, stop_at: float = float("inf")) -> None:
        super().__init__()
        self.now, self._stop_at = 1000.0, 1000.0 + stop_at

    def sleep(self, seconds: float) -> None:
        self.now += min(seconds, 0.75)  # something always wakes it before its time
        self.stopped = self.now >= self._stop_at


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return timed(monkeypatch, Clock())


def timed(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> Clock:
    monkeypatch.setattr(flow_run, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


def looked(answers: list[bytes], clock: Clock) -> tuple[str, int]:
    """What is said, and how often Prefect was asked."""
    server = Scripted(answers)
    try:
        return check_wanted(FlowRun("r-1", server.url, "f.py:f"), clock), len(server.requests)
    finally:
        server.close()


def test_what_is_over_is_not_started(clock: Clock) -> None:
    assert looked([PENDING], clock) == ("In Prefect the flow run is Pending.", 1)
    with pytest.raises(Over, match="was Cancelled already"):
        looked([OVER], clock)


def test_it_waits_for_as_long_as_prefect_asks(clock: Clock) -> None:
    said, asked = looked([too_many("Retry-After: 20"), too_many("Retry-After: 30"), PENDING], clock)
    assert (said, asked, clock.now) == ("In Prefect the flow run is Pending.", 3, 1050.0)
    with pytest.raises(Over):
        looked([too_many("Retry-After: 2"), OVER], clock)


@pytest.mark.parametrize(
    "answers",
    [
        [too_many()],
        [too_many("Retry-After: soon")],
        [too_many("Retry-After: 61")],
        [too_many("Retry-After: 40"), too_many("Retry-After: 40")],
        [reply(503, b"")],
    ],
    ids=["unsaid", "no time", "too long", "too long together", "another answer"],
)
def test_where_it_says_nothing_or_too_much_the_engine_decides(answers: list[bytes], clock: Clock) -> None:
    said, asked = looked(answers, clock)
    assert said.startswith("Prefect could not be asked about the flow run, so it is started anyway.")
    assert asked == len(answers)


def test_a_prefect_that_always_says_at_once_is_given_up(clock: Clock) -> None:
    _, asked = looked([too_many("Retry-After: 0")] * 200, clock)
    assert 1 < asked <= flow_run.PATIENCE_SECONDS / flow_run.SHORTEST_WAIT + 1


def test_an_end_that_is_asked_for_ends_the_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = timed(monkeypatch, Clock(stop_at=3))
    with pytest.raises(Stopped):
        looked([too_many("Retry-After: 50")], clock)
    assert clock.now == 1003.0
