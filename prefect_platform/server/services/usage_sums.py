"""The statement that adds usage up. The database does it all: what comes back is one row a group.

`held` is every workload's time in the period, `piece` that time cut at midnights where days are asked for,
`summed` the sums by what the workloads' own rows say, and the whole the same by the names that people know.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    CTE,
    BigInteger,
    ColumnElement,
    Float,
    Select,
    and_,
    case,
    cast,
    column,
    func,
    literal,
    select,
    union_all,
    values,
)

from prefect_platform.server.db.tables import AttemptRow, FlowRow, RunRow, UserRow, WorkloadRow
from prefect_platform.server.db.types import greatest_of, least_of, milliseconds_of
from prefect_platform.server.services.usage_period import Period, milliseconds, stretches
from prefect_platform.wire.usage import UsageBy

HOUR = 3_600_000.0
"""Milliseconds."""
GIB = float(1 << 30)
HELD = ("cores", "memory_bytes", "gpus", "price_per_hour")
KEYS = {
    UsageBy.FLOW: ("flow_id",),
    UsageBy.USER: ("flow_id", "started_by"),
    UsageBy.RUN: ("run_id",),
    UsageBy.SIZE: ("size",),
    UsageBy.KIND: ("kind",),
    UsageBy.DAY: ("day",),
}
"""What of a workload a label is found by."""
AMOUNTS = ("hours", "core_hours", "memory_gib_hours", "gpu_hours", "price", "unpriced_hours")


def statement(project_id: str, wanted: Period, by: Sequence[UsageBy], now: datetime) -> Select[Any]:
    """Usage of a project by these labels, each a column of its name (`run_name` beside `run`, `day` as the
    ordinal of its date), and `AMOUNTS`.

    Raises:
        UsageError: by day over too many days.
    """
    keys = list(dict.fromkeys(key for one in by for key in KEYS[one]))
    held = _held(project_id, wanted, now, [key for key in keys if key != "day"])
    pieces = _by_day(held, wanted) if UsageBy.DAY in by else held
    return _labelled(_summed(pieces, keys), by)


def _held(project_id: str, wanted: Period, now: datetime, keys: Sequence[str]) -> CTE:
    """`began` and `ended` in the period in milliseconds, beside what was held and the keys. Of two parts,
    because each is one range of the index that covers it."""
    until = max(wanted.since, min(wanted.until, now))
    closed = _some(project_id, wanted.since, until, keys, milliseconds_of(WorkloadRow.ended_at)).where(
        WorkloadRow.ended_at > wanted.since
    )
    still_open = _some(project_id, wanted.since, until, keys, literal(milliseconds(until), BigInteger)).where(
        WorkloadRow.ended_at.is_(None)
    )
    return union_all(closed, still_open).cte("held")


def _some(
    project_id: str, since: datetime, until: datetime, keys: Sequence[str], ended: ColumnElement[int]
) -> Select[Any]:
    first, last = (literal(milliseconds(at), BigInteger) for at in (since, until))
    found = select(
        greatest_of(milliseconds_of(WorkloadRow.admitted_at), first).label("began"),
        least_of(ended, last).label("ended"),
        WorkloadRow.cores,
        WorkloadRow.memory_bytes,
        WorkloadRow.gpu["count"].as_integer().label("gpus"),
        WorkloadRow.price_per_hour,
        *(AttemptRow.run_id if key == "run_id" else getattr(WorkloadRow, key) for key in keys),
    ).where(WorkloadRow.project_id == project_id, WorkloadRow.admitted_at < until)
    return (
        found.outerjoin(AttemptRow, AttemptRow.workload_id == WorkloadRow.id) if "run_id" in keys else found
    )


def _by_day(held: CTE, wanted: Period) -> CTE:
    """Held time, a row for each day that it touches: the first is cut off, then the next from the rest."""
    days = _stretches(wanted)
    carried = [one for one in held.c if one.name not in ("began", "ended")]
    began, rest = greatest_of(held.c.began, days.c.start), least_of(held.c.ended, days.c.stop)
    number = (began - days.c.start) // days.c.length
    piece = (
        select(
            began.label("began"),
            least_of(rest, days.c.start + (number + 1) * days.c.length).label("ended"),
            rest.label("rest"),
            (days.c.first_day + number).label("day"),
            days.c.length,
            *carried,
        )
        .join_from(held, days, and_(held.c.began < days.c.stop, held.c.ended > days.c.start))
        .cte("piece", recursive=True)
    )
    following = select(
        piece.c.ended,
        least_of(piece.c.rest, piece.c.ended + piece.c.length),
        piece.c.rest,
        piece.c.day + 1,
        piece.c.length,
        *(piece.c[one.name] for one in carried),
    ).where(piece.c.ended < piece.c.rest)
    return piece.union_all(following)


def _stretches(wanted: Period) -> CTE:
    columns = [column(name, BigInteger) for name in ("start", "stop", "length", "first_day")]
    found = [(one.start, one.end, one.day_length, one.first_day) for one in stretches(wanted)]
    return values(*columns, name="stretch").data(found).cte("stretch")


def _summed(pieces: CTE, keys: Sequence[str]) -> CTE:
    hours = cast(pieces.c.ended - pieces.c.began, Float) / HOUR
    price = pieces.c.price_per_hour
    amounts = (
        hours,
        hours * pieces.c.cores,
        hours * (pieces.c.memory_bytes / GIB),
        hours * func.coalesce(pieces.c.gpus, 0),
        hours * price,
        case((price.is_(None), hours), else_=0.0),
    )
    named = (func.sum(amount).label(name) for name, amount in zip(AMOUNTS, amounts, strict=True))
    by = [pieces.c[key] for key in keys]
    return select(*by, *named).where(pieces.c.ended > pieces.c.began).group_by(*by).cte("summed")


def _labelled(summed: CTE, by: Sequence[UsageBy]) -> Select[Any]:
    labels: list[ColumnElement[Any]] = []
    for one in by:
        labels += _label(summed, one)
    source: Any = summed
    if {UsageBy.FLOW, UsageBy.USER} & set(by):
        source = source.outerjoin(FlowRow, FlowRow.id == summed.c.flow_id)
    if UsageBy.USER in by:
        source = source.outerjoin(UserRow, UserRow.id == FlowRow.owner_id)
    if UsageBy.RUN in by:
        source = source.outerjoin(RunRow, RunRow.id == summed.c.run_id)
    amounts = (func.sum(summed.c[name]).label(name) for name in AMOUNTS)
    return select(*labels, *amounts).select_from(source).group_by(*labels)


def _label(summed: CTE, by: UsageBy) -> list[ColumnElement[Any]]:
    if by is UsageBy.FLOW:
        return [FlowRow.name.label("flow")]
    if by is UsageBy.USER:
        return [func.coalesce(summed.c.started_by, UserRow.name).label("user")]
    if by is UsageBy.RUN:
        return [summed.c.run_id.label("run"), RunRow.name.label("run_name")]
    return [summed.c[by.value].label(by.value)]
