"""The interval that a call means, and the days in it: whole, in order, each as long as its date there."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prefect_platform.errors import UsageError
from prefect_platform.server.services.usage_period import (
    MOST_DAYS,
    Period,
    Stretch,
    milliseconds,
    period,
    stretches,
)

NOW = datetime(2026, 11, 27, 12, 30, tzinfo=UTC)
HOUR = 3_600_000
ZONES = [
    "UTC", "Europe/Paris", "America/New_York", "America/Havana", "Africa/Cairo", "Australia/Lord_Howe",
    "Pacific/Apia", "Asia/Kathmandu", "America/Sao_Paulo", "Asia/Beirut", "Pacific/Kiritimati",
    "America/St_Johns",
]  # fmt: skip
moments = st.integers(788_918_400, 2_051_222_400).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
"""From 1995 to 2034, in whole seconds."""


def at(text: str, zone: str = "UTC") -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def days(found: list[Stretch]) -> dict[date, float]:
    """Hours of every day."""
    return {
        date.fromordinal(one.first_day + number): one.day_length / HOUR
        for one in found
        for number in range((one.end - one.start) // one.day_length)
    }


def of(since: str, until: str, zone: str) -> list[Stretch]:
    return stretches(period(since, until, zone, NOW))


def test_dates_are_midnights_of_the_zone_and_the_end_is_not_included() -> None:
    found = period("2026-11-01", "2026-12-01", "Europe/Paris", NOW)
    assert (found.since, found.until) == (at("2026-10-31T23:00"), at("2026-11-30T23:00"))


def test_times_may_have_a_zone_of_their_own() -> None:
    found = period("2026-11-01T06:00:00Z", "2026-11-01T12:00", "Asia/Kathmandu", NOW)
    assert (found.since, found.until) == (at("2026-11-01T06:00"), at("2026-11-01T06:15"))


def test_without_bounds_it_is_the_last_thirty_days() -> None:
    found = period(None, None, "Europe/Paris", NOW)
    assert (found.since, found.until) == (at("2026-10-28", "Europe/Paris"), NOW)
    assert period(None, "2026-03-31", "UTC", NOW).since == at("2026-03-01")


@pytest.mark.parametrize(
    ("since", "until", "zone", "said"),
    [
        ("2026-11-02", "2026-11-01", "UTC", "ends before it begins"),
        ("2026-12-01", None, "UTC", "leave `until` out"),
        ("2026-11-01", None, "Europe/Pariss", "Did you mean 'Europe/Paris'?"),
        ("2026-11-01", None, "europe/paris", "Did you mean 'Europe/Paris'?"),
        ("2026-11-01", None, "", "There is no time zone ''"),
        ("2026-11-01", None, "../../etc/passwd", "There is no time zone"),
        ("2026-11-01", None, "Europe", "There is no time zone 'Europe'"),
        ("2026-11-01", None, "\0", "There is no time zone"),
        ("2026-11-01", None, "x" * 10_000, "There is no time zone"),
        ("yesterday", None, "UTC", "since is 'yesterday': give a date such as 2026-11-01"),
        ("2026-02-30", None, "UTC", "since is '2026-02-30'"),
        (None, "", "UTC", "until is ''"),
        ("0001-01-01T00:00:00+14:00", None, "UTC", "give a year from 1970"),
        (None, "9999-12-31T23:59:59-14:00", "UTC", "give a year from 1970"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_the_next_step(
    since: str | None, until: str | None, zone: str, said: str
) -> None:
    with pytest.raises(UsageError) as caught:
        period(since, until, zone, NOW)
    assert said in caught.value.message
    assert len(caught.value.message) < 500


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Paris", "2026-03-29", 23),
        ("Europe/Paris", "2026-10-25", 25),
        ("America/New_York", "2026-03-08", 23),
        ("America/New_York", "2026-11-01", 25),
        ("Australia/Lord_Howe", "2026-04-05", 24.5),
        ("Africa/Cairo", "2024-04-26", 23),  # clocks jump at midnight: the day begins at 01:00
        ("America/Havana", "2025-11-02", 25),  # they go back to midnight: the day has two
        ("UTC", "2026-03-29", 24),
    ],
)
def test_a_day_is_as_long_as_its_clocks_make_it(zone: str, day: str, hours: float) -> None:
    before = date.fromisoformat(day) - timedelta(days=2)
    found = days(of(before.isoformat(), (before + timedelta(days=5)).isoformat(), zone))
    assert {one: length for one, length in found.items() if length != 24} == (
        {} if hours == 24 else {date.fromisoformat(day): hours}
    )


def test_a_date_that_a_zone_left_out_has_no_time_in_it() -> None:
    found = days(of("2011-12-28", "2012-01-02", "Pacific/Apia"))
    assert date(2011, 12, 30) not in found
    assert {date(2011, 12, 29), date(2011, 12, 31)} <= set(found)
    assert set(found.values()) == {24.0}


def test_a_year_has_few_stretches() -> None:
    assert len(of("2026-01-01", "2027-01-01", "Europe/Paris")) == 5
    assert len(of("2026-01-01", "2027-01-01", "UTC")) == 1


def test_by_day_has_a_bound_that_is_said() -> None:
    assert of("2016-12-01", "2026-11-27", "UTC")
    with pytest.raises(UsageError, match=rf"over 20\d\d\d days: ask for {MOST_DAYS} at most"):
        of("1970-01-01", "2026-11-27", "UTC")


@settings(deadline=None)
@given(
    zone=st.sampled_from(ZONES),
    since=moments,
    length=st.timedeltas(timedelta(0), timedelta(days=900)),
)
def test_days_follow_each_other_without_gap_and_cover_the_period(
    zone: str, since: datetime, length: timedelta
) -> None:
    wanted = Period(since, since + length, ZoneInfo(zone))
    found = stretches(wanted)
    assert found[0].start <= milliseconds(wanted.since)
    assert found[-1].end > milliseconds(wanted.until)
    for one, following in itertools.pairwise(found):
        assert one.end == following.start
        assert one.first_day < following.first_day
    assert all((one.end - one.start) % one.day_length == 0 for one in found)


@settings(deadline=None)
@given(
    # In St. John's the hour around midnight came twice until 2011: its first midnight begins the day.
    zone=st.sampled_from([one for one in ZONES if one != "America/St_Johns"]),
    moment=moments,
)
def test_every_moment_lies_in_the_day_that_its_clock_shows(zone: str, moment: datetime) -> None:
    wanted = Period(moment - timedelta(days=3), moment + timedelta(days=3), ZoneInfo(zone))
    when = milliseconds(moment)
    one = next(one for one in stretches(wanted) if one.start <= when < one.end)
    ordinal = one.first_day + (when - one.start) // one.day_length
    assert date.fromordinal(ordinal) == moment.astimezone(ZoneInfo(zone)).date()
