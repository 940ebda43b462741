"""Members of Dask clusters that wait for room: which of them go with a run, and which by themselves."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from prefect_platform.server.db.tables import ClusterRow, WorkloadRow
from prefect_platform.server.services.capacity import Room
from prefect_platform.wire.dask_spec import DaskSpec
from prefect_platform.wire.runs import Status, Target


async def loose(session: AsyncSession, most: int) -> Sequence[WorkloadRow]:
    """Those whose run has its room, or that have no run: schedulers first, then the oldest workers."""
    owner = aliased(WorkloadRow)
    found = await session.scalars(
        _waiting()
        .join(ClusterRow, ClusterRow.id == WorkloadRow.cluster_id)
        .outerjoin(owner, owner.id == ClusterRow.owner_workload_id)
        .where(
            ClusterRow.target == Target.RUNNING.value,
            (owner.id.is_(None)) | (owner.status != Status.QUEUED.value),
        )
        .order_by(WorkloadRow.cluster_number != 0, WorkloadRow.created_at, WorkloadRow.cluster_number)
        .limit(most)
        .with_for_update(of=WorkloadRow)
        .execution_options(populate_existing=True)
    )
    return found.all()


async def members(session: AsyncSession, row: WorkloadRow, total: Room | None) -> list[WorkloadRow]:
    """What is admitted together with a waiting run: its scheduler, and its least number of workers, or as
    many of those as `total` can hold beside it; at least one."""
    cluster = await session.scalar(
        select(ClusterRow).where(
            ClusterRow.owner_workload_id == row.id,
            ClusterRow.python.is_(None),
            ClusterRow.target == Target.RUNNING.value,
        )
    )
    if cluster is None:
        return []
    found = await session.scalars(
        _waiting()
        .where(WorkloadRow.cluster_id == cluster.id)
        .order_by(WorkloadRow.cluster_number)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    waiting = found.all()
    schedulers = [one for one in waiting if one.cluster_number == 0]
    workers = [one for one in waiting if one.cluster_number][: DaskSpec.model_validate(cluster.spec).minimum]
    if total is not None and workers:
        left = total.memory_bytes - sum(one.memory_bytes for one in (row, *schedulers))
        workers = workers[: max(1, left // workers[0].memory_bytes)]
    return [*schedulers, *workers]


def _waiting() -> Select[tuple[WorkloadRow]]:
    return select(WorkloadRow).where(
        WorkloadRow.status == Status.QUEUED.value, WorkloadRow.target == Target.RUNNING.value
    )
