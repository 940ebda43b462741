"""The schedulers and workers of clusters: workloads, made when they are wanted.

They are asked for in the name of whoever waits for them, so they go through admission before newcomers and,
like the children of a run, ask for memory alone: a parent that waits for its workers would never give up the
cores that they wait for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from prefect_platform.names import new_id
from prefect_platform.server.config import RunSettings
from prefect_platform.server.db.tables import ClusterRow, TransitionRow, UserRow, WorkloadRow
from prefect_platform.server.services import sizes
from prefect_platform.server.services.parts import Parts
from prefect_platform.server.services.sizes import Needs
from prefect_platform.wire.dask_spec import DaskSpec
from prefect_platform.wire.runs import Status, Target, WorkloadKind
from prefect_platform.wire.sizes import GpuRequest

SCHEDULER_CORES, SCHEDULER_MEMORY_BYTES = 0.0, 512 << 20
SCHEDULER_GRACE_SECONDS, WORKER_GRACE_SECONDS = 15.0, 10.0
"""A scheduler writes its performance report at its end."""
AGAIN = "Ask for a cluster with one of these."


@dataclass(frozen=True)
class _Asked:
    size: str | None
    cores: float
    memory_bytes: int
    gpu: GpuRequest | None


def scheduler_needs(parts: Parts, spec: DaskSpec) -> Needs:
    """Room for a scheduler. Raises as `sizes.needs`."""
    asked = _Asked(spec.scheduler_size, SCHEDULER_CORES, SCHEDULER_MEMORY_BYTES, None)
    return sizes.needs(parts, asked, AGAIN)


def worker_needs(parts: Parts, spec: DaskSpec) -> Needs:
    """Room for a worker. Raises as `sizes.needs`."""
    settings = RunSettings.default_cores, RunSettings.default_memory_bytes
    return sizes.needs(parts, _Asked(spec.worker_size, *settings, spec.gpu), AGAIN)


@dataclass(frozen=True)
class Lineage:
    """What the members of a cluster take over from what they work for."""

    priority: int
    flow_id: str | None
    started_by: str | None


async def lineage(session: AsyncSession, cluster: ClusterRow) -> Lineage:
    user = await session.get(UserRow, cluster.user_id)
    name = user.name if user is not None else None
    owner = None
    if cluster.owner_workload_id is not None:
        owner = await session.get(WorkloadRow, cluster.owner_workload_id)
    if owner is None:
        return Lineage(1, None, name)
    return Lineage(owner.priority + 1, owner.flow_id, owner.started_by or name)


async def open_members(session: AsyncSession, cluster_id: str) -> Sequence[WorkloadRow]:
    """Members that have not ended, locked: the scheduler first."""
    found = await session.scalars(
        select(WorkloadRow)
        .where(WorkloadRow.cluster_id == cluster_id, WorkloadRow.ended_at.is_(None))
        .order_by(WorkloadRow.cluster_number, WorkloadRow.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return found.all()


async def add_scheduler(
    session: AsyncSession, parts: Parts, cluster: ClusterRow, of: Lineage, actor: str
) -> WorkloadRow:
    """Raises as `sizes.needs`."""
    spec = DaskSpec.model_validate(cluster.spec)
    needs = scheduler_needs(parts, spec)
    kind, grace = WorkloadKind.DASK_SCHEDULER, SCHEDULER_GRACE_SECONDS
    row = _row(parts, cluster, of, kind, 0, needs, spec.scheduler_size, grace)
    await _add(session, [row], actor)
    return row


async def add_workers(
    session: AsyncSession, parts: Parts, cluster: ClusterRow, of: Lineage, count: int, actor: str
) -> None:
    """Workers that nobody was before: numbers are not used again. Raises as `sizes.needs`."""
    spec = DaskSpec.model_validate(cluster.spec)
    needs, first = worker_needs(parts, spec), cluster.next_number
    kind, grace = WorkloadKind.DASK_WORKER, WORKER_GRACE_SECONDS
    cluster.next_number += count
    numbers = range(first, first + count)
    rows = [_row(parts, cluster, of, kind, n, needs, spec.worker_size, grace) for n in numbers]
    await _add(session, rows, actor)


def _row(
    parts: Parts,
    cluster: ClusterRow,
    of: Lineage,
    kind: WorkloadKind,
    number: int,
    needs: Needs,
    size: str | None,
    grace_seconds: float,
) -> WorkloadRow:
    at: datetime = parts.clock.now()
    gpu: dict[str, Any] | None = None if needs.gpu is None else needs.gpu.model_dump(mode="json")
    return WorkloadRow(
        id=new_id("wl"),
        kind=kind.value,
        project_id=cluster.project_id,
        cluster_id=cluster.id,
        cluster_number=number,
        target=Target.RUNNING.value,
        status=Status.QUEUED.value,
        cores=needs.cores,
        memory_bytes=needs.memory_bytes,
        grace_seconds=grace_seconds,
        priority=of.priority,
        size=size,
        gpu=gpu,
        price_per_hour=sizes.price_per_hour(parts, size),
        flow_id=of.flow_id,
        started_by=of.started_by,
        handle={},
        steps=[],
        created_at=at,
    )


async def _add(session: AsyncSession, rows: list[WorkloadRow], actor: str) -> None:
    session.add_all(rows)
    await session.flush()
    session.add_all(
        TransitionRow(workload_id=row.id, status=row.status, at=row.created_at, actor=actor, reason=None)
        for row in rows
    )
