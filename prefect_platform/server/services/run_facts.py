"""What runs were given, needed at most and cost: for a page of runs at once, in three statements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Select, cast, func, literal, select
from sqlalchemy.ext.asyncio import AsyncSession

from prefect_platform.server.db.tables import AttemptRow, ClusterRow, WorkloadRow
from prefect_platform.server.db.types import milliseconds_of
from prefect_platform.server.services.usage_period import milliseconds
from prefect_platform.server.services.usage_sums import HOUR

PEAK = cast(WorkloadRow.end["peak_memory_bytes"].as_string(), BigInteger)
"""The most memory that a workload had, in bytes; NULL before its end, and where nobody saw it."""


@dataclass(frozen=True)
class RunFacts:
    """Over all attempts of a run, but `size` to `gpus`, which are the last one's."""

    size: str | None = None
    cores: float | None = None
    memory_bytes: int | None = None
    gpus: int = 0
    peak_memory_bytes: int | None = None
    price: float | None = None
    """With its Dask clusters, until now; None where nothing of it has a price."""
    workers: int = 0
    worker_peak_memory_bytes: int | None = None


async def of(session: AsyncSession, run_ids: Sequence[str], now: datetime) -> dict[str, RunFacts]:
    """By run; none of a run without an attempt."""
    sums = {row.run_id: row for row in await session.execute(_attempts(run_ids, now))}
    clusters = {row.run_id: row for row in await session.execute(_clusters(list(sums), now))}
    last = {row.run_id: row for row in await session.execute(_last(list(sums)))}
    return {
        run_id: RunFacts(
            size=last[run_id].size,
            cores=last[run_id].cores,
            memory_bytes=last[run_id].memory_bytes,
            gpus=(last[run_id].gpu or {}).get("count", 0),
            peak_memory_bytes=own.peak,
            price=_price(own, clusters.get(run_id)),
            workers=clusters[run_id].workers if run_id in clusters else 0,
            worker_peak_memory_bytes=clusters[run_id].peak if run_id in clusters else None,
        )
        for run_id, own in sums.items()
    }


def _price(*parts: Any) -> float | None:
    told = [float(part.price) for part in parts if part is not None and part.price is not None]
    return round(sum(told), 6) if told else None


def _sums(now: datetime) -> tuple[Any, Any]:
    """The highest peak of some workloads, and what they cost together."""
    until = func.coalesce(milliseconds_of(WorkloadRow.ended_at), literal(milliseconds(now), BigInteger))
    held = until - milliseconds_of(WorkloadRow.admitted_at)
    return func.max(PEAK).label("peak"), func.sum(held / HOUR * WorkloadRow.price_per_hour).label("price")


def _attempts(run_ids: Sequence[str], now: datetime) -> Select[Any]:
    return (
        select(AttemptRow.run_id, *_sums(now))
        .join(WorkloadRow, WorkloadRow.id == AttemptRow.workload_id)
        .where(AttemptRow.run_id.in_(run_ids))
        .group_by(AttemptRow.run_id)
    )


def _clusters(run_ids: Sequence[str], now: datetime) -> Select[Any]:
    """Schedulers cost too, and are no workers."""
    workers = func.count().filter(WorkloadRow.cluster_number > 0).label("workers")
    return (
        select(AttemptRow.run_id, workers, *_sums(now))
        .join(ClusterRow, ClusterRow.owner_workload_id == AttemptRow.workload_id)
        .join(WorkloadRow, WorkloadRow.cluster_id == ClusterRow.id)
        .where(AttemptRow.run_id.in_(run_ids))
        .group_by(AttemptRow.run_id)
    )


def _last(run_ids: Sequence[str]) -> Select[Any]:
    """What the workload of the last attempt of each was given."""
    newest = (
        select(AttemptRow.run_id, func.max(AttemptRow.number).label("number"))
        .where(AttemptRow.run_id.in_(run_ids))
        .group_by(AttemptRow.run_id)
        .subquery()
    )
    return (
        select(
            AttemptRow.run_id,
            WorkloadRow.size,
            WorkloadRow.cores,
            WorkloadRow.memory_bytes,
            WorkloadRow.gpu,
        )
        .join(newest, (newest.c.run_id == AttemptRow.run_id) & (newest.c.number == AttemptRow.number))
        .join(WorkloadRow, WorkloadRow.id == AttemptRow.workload_id)
    )
