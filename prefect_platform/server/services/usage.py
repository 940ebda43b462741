"""Usage: how long workloads of a project held their room, and what that comes to.

A workload counts from its admission to its end, or to now, and only with what of that lies in the period.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

from prefect_platform.errors import UsageError, foreign
from prefect_platform.names import nearest
from prefect_platform.server.services import projects, usage_period, usage_sums
from prefect_platform.server.services.callers import Caller
from prefect_platform.server.services.parts import Parts
from prefect_platform.wire.usage import Usage, UsageAmounts, UsageBy, UsageRow

MOST_ROWS = 10_000
"""Rows of one answer. More are refused and not cut: a sum that lacks a part looks like one that is whole."""
DIGITS = 6


async def show(
    parts: Parts,
    caller: Caller,
    project: str,
    since: str | None,
    until: str | None,
    by: Sequence[str],
    timezone: str,
) -> Usage:
    """The usage of a project in [`since`, `until`), by these words of `UsageBy`.

    Raises:
        NotFound: no such project, or the caller is no member.
        UsageError: no such word, time or time zone, or more rows than an answer holds.
    """
    now, wanted_by = parts.clock.now(), _words(by)
    wanted = usage_period.period(since, until, timezone, now)
    async with parts.database.reader() as session:
        owner = await projects.member(session, caller, project)
        statement = usage_sums.statement(owner.id, wanted, wanted_by, now).limit(MOST_ROWS + 1)
        found = [dict(row) for row in (await session.execute(statement)).mappings()]
    if len(found) > MOST_ROWS:
        raise UsageError(
            f"This is usage in more than {MOST_ROWS} rows: ask for a shorter time, or by less than "
            f"{', '.join(wanted_by)}.",
            limit=MOST_ROWS,
        )
    return Usage(
        project=owner.name,
        since=wanted.since,
        until=wanted.until,
        timezone=timezone,
        by=wanted_by,
        rows=sorted((_row(one) for one in found), key=lambda row: _order(row, wanted_by)),
        total=_total(found),
    )


def _words(by: Iterable[str]) -> list[UsageBy]:
    """Words that stand alone or between commas; each counts once."""
    known = [one.value for one in UsageBy]
    words = dict.fromkeys(word.strip() for text in by for word in text.split(","))
    for word in words:
        if word not in known:
            raise UsageError(
                f"There is no usage by {foreign(word)!r}, but by {', '.join(known)}."
                f"{nearest(word[:64], known)}"
            )
    return [UsageBy(word) for word in words]


def _row(found: dict[str, Any]) -> UsageRow:
    labels = {name: value for name, value in found.items() if name not in usage_sums.AMOUNTS}
    if "day" in labels:
        labels["day"] = date.fromordinal(labels["day"])
    amounts = {name: _rounded(found[name]) for name in usage_sums.AMOUNTS}
    return UsageRow.model_validate({**labels, **amounts})


def _order(row: UsageRow, by: Sequence[UsageBy]) -> list[tuple[bool, Any]]:
    """By the labels in the order in which they were asked for; what has none comes last."""
    labels = [getattr(row, one.value) for one in by]
    return [(label is None, "" if label is None else label) for label in labels]


def _total(found: Sequence[dict[str, Any]]) -> UsageAmounts:
    sums: dict[str, float | None] = {
        name: _rounded(math.fsum(one[name] or 0.0 for one in found)) for name in usage_sums.AMOUNTS
    }
    if found and all(one["price"] is None for one in found):
        sums["price"] = None
    return UsageAmounts.model_validate(sums)


def _rounded(amount: float | None) -> float | None:
    return None if amount is None else round(float(amount), DIGITS)
