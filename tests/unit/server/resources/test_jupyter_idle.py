"""When a Jupyter server is warned and stopped, as a table of times."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from prefect_platform.server.services.jupyter_idle import Idle, Times, decide, stops_at, warns_at

NOW = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
HOUR = 3600.0


def before(minutes: float | None) -> datetime | None:
    return None if minutes is None else NOW - timedelta(minutes=minutes)


def times(idle: float, *, shutoff: float | None = HOUR, extended: float | None = None,
          warned: float | None = None) -> Times:  # fmt: skip
    """Idle for so many minutes, extended until in so many, warned so many ago."""
    until = None if extended is None else NOW + timedelta(minutes=extended)
    return Times(shutoff, NOW - timedelta(minutes=idle), until, before(warned))


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        (times(0), Idle.NONE),
        (times(53), Idle.NONE),
        (times(55), Idle.WARN),
        (times(55, warned=1), Idle.NONE),
        (times(60, warned=6), Idle.STOP),
        (times(600), Idle.WARN),
        (times(600, warned=1), Idle.NONE),
        (times(600, warned=6), Idle.STOP),
        (times(1, warned=5), Idle.CALM),
        (times(600, shutoff=None), Idle.NONE),
        (times(600, extended=90), Idle.NONE),
        (times(600, extended=5), Idle.WARN),
        (times(600, extended=90, warned=5), Idle.CALM),
        (times(600, extended=-1, warned=6), Idle.STOP),
        (times(6 * 60 - 9, shutoff=6 * HOUR), Idle.WARN),
        (times(6 * 60 - 11, shutoff=6 * HOUR), Idle.NONE),
    ],
)
def test_decisions(found: Times, wanted: Idle) -> None:
    assert decide(found, NOW) is wanted


def test_the_warning_is_ten_minutes_before_or_a_tenth() -> None:
    assert warns_at(times(0, shutoff=6 * HOUR)) == NOW + timedelta(hours=6, minutes=-10)
    assert warns_at(times(0)) == NOW + timedelta(minutes=54)


def test_an_extension_never_makes_it_sooner() -> None:
    assert stops_at(times(0, extended=5)) == NOW + timedelta(hours=1)
    assert stops_at(times(0, extended=120)) == NOW + timedelta(hours=2)
