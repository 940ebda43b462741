"""What interval a call for usage means, and the calendar days in it. Pure functions over a time zone."""

from __future__ import annotations

import difflib
import zoneinfo
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache

from prefect_platform.errors import UsageError, foreign

DEFAULT_DAYS = 30
MOST_DAYS = 3660
"""Days that usage is told apart by at most: ten years."""
FIRST_YEAR, LAST_YEAR = 1970, 9998


@dataclass(frozen=True)
class Period:
    """[`since`, `until`), seen from a time zone."""

    since: datetime
    until: datetime
    zone: zoneinfo.ZoneInfo


@dataclass(frozen=True)
class Stretch:
    """Consecutive days of one length, in whole milliseconds since 1970: only days on which the clocks change
    have a length of their own. The first and last may begin before a period and end after it."""

    start: int
    end: int
    day_length: int
    first_day: int
    """Ordinal of the first one's date."""


def period(since: str | None, until: str | None, timezone: str, now: datetime) -> Period:
    """The interval that a caller names: dates mean midnight in the time zone, and so do times without one.

    Raises:
        UsageError: no such time zone, no such time, or it ends before it begins.
    """
    zone = _zone(timezone)
    end = now if until is None else _instant("until", until, zone)
    begin = _days_before(end, zone) if since is None else _instant("since", since, zone)
    if begin > end:
        raise UsageError(
            f"Usage since {begin.astimezone(zone).isoformat()} until {end.astimezone(zone).isoformat()} ends "
            "before it begins: exchange the two, or leave `until` out, which means now."
        )
    return Period(begin, end, zone)


def _zone(name: str) -> zoneinfo.ZoneInfo:
    known = _zones()
    if name not in known:
        by_lower = {one.lower(): one for one in known}
        alike = difflib.get_close_matches(name[:64].lower(), by_lower, n=1)
        meant = f" Did you mean {by_lower[alike[0]]!r}?" if alike else ""
        raise UsageError(f"There is no time zone {foreign(name)!r}: name one such as 'Europe/Paris'.{meant}")
    return zoneinfo.ZoneInfo(name)


@cache
def _zones() -> frozenset[str]:
    """Names alone are taken that are known: `ZoneInfo` opens files for others."""
    return frozenset(zoneinfo.available_timezones())


def _instant(field: str, text: str, zone: zoneinfo.ZoneInfo) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(
            f"{field} is {foreign(text)!r}: give a date such as 2026-11-01 or a time such as "
            "2026-11-01T06:00:00Z."
        ) from None
    if not FIRST_YEAR <= found.year <= LAST_YEAR:
        raise UsageError(f"{field} is {foreign(text)!r}: give a year from {FIRST_YEAR} to {LAST_YEAR}.")
    return (found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(UTC)


def _days_before(end: datetime, zone: zoneinfo.ZoneInfo) -> datetime:
    return _midnight(end.astimezone(zone).date() - timedelta(days=DEFAULT_DAYS), zone)


def _midnight(day: date, zone: zoneinfo.ZoneInfo) -> datetime:
    """When a day begins: at its first midnight where it has two, at the jump where it has none."""
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def milliseconds(at: datetime) -> int:
    """Whole milliseconds since 1970, rounded down."""
    return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def stretches(wanted: Period) -> list[Stretch]:
    """The days of a period, alike ones together.

    Raises:
        UsageError: there are more than `MOST_DAYS`.
    """
    found: list[Stretch] = []
    for ordinal, start, end in _days(wanted):
        last = found[-1] if found else None
        if last and last.end == start and last.day_length == end - start and _next(last) == ordinal:
            found[-1] = Stretch(last.start, end, last.day_length, last.first_day)
        elif end > start:  # a date that a zone leaves out has no time in it
            found.append(Stretch(start, end, end - start, ordinal))
    return found


def _next(stretch: Stretch) -> int:
    return stretch.first_day + (stretch.end - stretch.start) // stretch.day_length


def _days(wanted: Period) -> Iterator[tuple[int, int, int]]:
    """Ordinal, start and end of every day that has a part in the period."""
    first = wanted.since.astimezone(wanted.zone).date().toordinal()
    last = wanted.until.astimezone(wanted.zone).date().toordinal()
    if last - first >= MOST_DAYS:
        raise UsageError(
            f"This is usage by day over {last - first + 1} days: ask for {MOST_DAYS} at most, or leave out "
            "`day`."
        )
    start = milliseconds(_midnight(date.fromordinal(first), wanted.zone))
    for ordinal in range(first, last + 1):
        end = milliseconds(_midnight(date.fromordinal(ordinal + 1), wanted.zone))
        yield ordinal, start, end
        start = end
