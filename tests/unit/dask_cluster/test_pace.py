"""When submissions wait for Prefect's server: the rule alone, with a server and a clock of the test."""

from __future__ import annotations

import logging
from collections.abc import Callable

import httpx
import pytest

from prefect_platform.dask_cluster import pace
from prefect_platform.dask_cluster.pace import Pace, Recorded


class Scene:
    """A server that records `rate` of what was submitted each second, and time that waiting lets go by."""

    def __init__(self, rate: int) -> None:
        self.now, self.rate = 0.0, rate
        self.known = self.ended = 0
        self.asked = 0
        self.pace = Pace(self.ask, logging.getLogger("test-pace"), self.clock, self.wait)

    def clock(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.known = min(self.pace.submitted, self.known + int(self.rate * seconds))
        self.ended = self.known

    def ask(self) -> Recorded:
        self.asked += 1
        return Recorded(self.known, self.ended)

    def submit(self, count: int, ended: Callable[[], int] = lambda: 0) -> None:
        for _ in range(count):
            self.now += 0.002
            self.pace.step(ended)


def test_a_small_flow_asks_nothing() -> None:
    scene = Scene(rate=0)
    scene.submit(pace.FREE - 1)
    assert scene.asked == 0


def test_what_is_not_known_yet_never_grows_beyond_the_bound(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "test-pace")
    scene = Scene(rate=50)
    for _ in range(100):
        scene.submit(100)
        # between two looks it may be as many as come in that time
        assert scene.pace.submitted - scene.known <= pace.MOST_UNKNOWN + 600
    assert scene.pace.submitted == 10_000
    assert [record.levelname for record in caplog.records] == ["INFO"]  # said once


def test_ends_that_are_not_known_are_waited_for_too() -> None:
    scene = Scene(rate=100)
    scene.wait(0)
    scene.known = 2000
    scene.submit(2000, lambda: 1500)
    assert scene.pace.submitted == 2000
    assert scene.ended >= 500


def test_tasks_that_take_long_are_not_waited_for() -> None:
    scene = Scene(rate=0)
    scene.known = 20_000
    scene.submit(20_000)  # none has ended
    assert scene.now == pytest.approx(40.0)


def test_a_server_that_records_nothing_is_not_waited_for_without_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    scene = Scene(rate=0)
    scene.submit(6000)
    asked = scene.asked
    scene.submit(6000)
    assert scene.asked == asked
    assert "and knows 0 of " in caplog.messages[-1]
    assert scene.now < pace.STILL_SECONDS + 30


def test_a_server_that_does_not_answer_holds_nothing_up(caplog: pytest.LogCaptureFixture) -> None:
    scene = Scene(rate=0)

    def fails() -> Recorded:
        raise httpx.ConnectError("refused")

    scene.pace = Pace(fails, logging.getLogger("test-pace"), scene.clock, scene.wait)
    scene.submit(5000)
    assert scene.now == pytest.approx(10.0)
    assert "could not be asked" in caplog.messages[0]
