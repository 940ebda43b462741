"""Clusters as the wire shows them, many at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from prefect_platform.server.db.tables import (
    AttemptRow,
    ClusterRow,
    ProjectRow,
    UserRow,
    WorkloadRow,
)
from prefect_platform.server.services import (
    cluster_moves,
    cluster_rows,
    cluster_tls,
    cluster_waiting,
    content,
)
from prefect_platform.server.services.parts import Parts
from prefect_platform.wire.clusters import (
    Cluster,
    ClusterConnection,
    ClusterEvent,
    ClusterMember,
    ClusterOwner,
    ClusterStatus,
    Tls,
)
from prefect_platform.wire.dask_spec import AdaptRange, DaskSpec
from prefect_platform.wire.promises import Promise
from prefect_platform.wire.runs import Status


async def cluster(session: AsyncSession, parts: Parts, project: ProjectRow, row: ClusterRow) -> Cluster:
    """One cluster with all its members, those that have ended too."""
    return (await clusters(session, parts, project, [row], ended=True))[0]


async def clusters(
    session: AsyncSession,
    parts: Parts,
    project: ProjectRow,
    rows: Sequence[ClusterRow],
    *,
    ended: bool = False,
) -> list[Cluster]:
    """Clusters in the order given."""
    found = select(WorkloadRow).where(WorkloadRow.cluster_id.in_([row.id for row in rows]))
    found = found if ended else found.where(WorkloadRow.ended_at.is_(None))
    members: dict[str, list[WorkloadRow]] = defaultdict(list)
    for one in await session.scalars(found.order_by(WorkloadRow.cluster_number, WorkloadRow.id)):
        members[str(one.cluster_id)].append(one)
    users = await session.execute(
        select(UserRow.id, UserRow.name).where(UserRow.id.in_({row.user_id for row in rows}))
    )
    names = dict(users.tuples().all())
    owners = await _owners(session, rows)
    waiting = await cluster_waiting.reasons(session, parts, [one for row in rows for one in members[row.id]])
    return [
        _cluster(parts, project, row, members[row.id], names[row.user_id], owners.get(row.id), waiting)
        for row in rows
    ]


async def _owners(session: AsyncSession, rows: Sequence[ClusterRow]) -> dict[str, str]:
    """The run or resource that each belongs to."""
    attempts = [row.owner_workload_id for row in rows if row.owner_kind == ClusterOwner.ATTEMPT]
    starts = [row.owner_workload_id for row in rows if row.owner_kind == ClusterOwner.JUPYTER_SERVER]
    runs = await session.execute(
        select(AttemptRow.workload_id, AttemptRow.run_id).where(AttemptRow.workload_id.in_(attempts))
    )
    resources = await session.execute(
        select(WorkloadRow.id, WorkloadRow.resource_id).where(WorkloadRow.id.in_(starts))
    )
    found: dict[str | None, str] = dict([*runs.tuples(), *resources.tuples()])
    return {row.id: found[row.owner_workload_id] for row in rows if row.owner_workload_id in found}


def _cluster(
    parts: Parts,
    project: ProjectRow,
    row: ClusterRow,
    members: Sequence[WorkloadRow],
    user: str,
    owner_id: str | None,
    waiting: dict[str, str],
) -> Cluster:
    scheduler = next((one for one in members if one.cluster_number == 0), None)
    status = cluster_moves.status(row, scheduler)
    return Cluster(
        id=row.id,
        name=row.name,
        project=project.name,
        owner_kind=ClusterOwner(row.owner_kind),
        owner_id=owner_id,
        user=user,
        spec=DaskSpec.model_validate(row.spec),
        n_workers=row.n_workers,
        adapt=None if row.adapt is None else AdaptRange.model_validate(row.adapt),
        status=status,
        reason=row.reason or (waiting.get(scheduler.id) if scheduler is not None else None),
        scheduler_address=row.scheduler_address if status is ClusterStatus.RUNNING else None,
        dashboard=dashboard(parts, row),
        workers_ready=row.workers_ready if row.ended_at is None else 0,
        lease_seconds=row.lease_seconds,
        price_per_hour=_price([one for one in members if cluster_moves.is_open(one)]),
        members=[_member(one, waiting.get(one.id)) for one in members],
        events=[ClusterEvent.model_validate(event) for event in row.events],
        has_report=row.report is not None,
        created_at=row.created_at,
        ready_at=row.ready_at,
        ended_at=row.ended_at,
    )


def _price(living: Sequence[WorkloadRow]) -> float | None:
    """An hour of all of them; a scheduler without a size costs nothing of its own."""
    priced = [one.price_per_hour for one in living if one.cluster_number or one.size is not None]
    known = [one for one in priced if one is not None]
    return sum(known) if known and len(known) == len(priced) else None


def _member(row: WorkloadRow, waits: str | None) -> ClusterMember:
    ended = not cluster_moves.is_open(row)
    unwell = row.status not in (Status.SUCCEEDED.value, Status.CANCELLED.value)
    return ClusterMember(
        name=cluster_moves.member_name(row),
        workload_id=row.id,
        status=cluster_moves.member_status(row),
        reason=cluster_moves.end_reason(row) if ended and unwell else waits,
        cores=row.cores,
        memory_bytes=row.memory_bytes,
        size=row.size,
        gpus=row.gpus or [],
        promises=[Promise.model_validate(one) for one in row.promises or []],
        created_at=row.created_at,
        ended_at=row.ended_at,
    )


def dashboard(parts: Parts, row: ClusterRow) -> str | None:
    """Where the dashboard of a running cluster is."""
    runs = row.dashboard_address is not None and row.ended_at is None
    return content.page(parts, row.id) if runs else None


async def connection(
    session: AsyncSession, parts: Parts, project: ProjectRow, row: ClusterRow
) -> ClusterConnection:
    """How to reach a cluster, and what opens it."""
    scheduler = await cluster_rows.scheduler(session, row)
    found = cluster_tls.opened(parts.keyring, row)
    waits = await cluster_waiting.reasons(session, parts, [scheduler] if scheduler is not None else [])
    return ClusterConnection(
        cluster_id=row.id,
        name=row.name,
        project=project.name,
        status=cluster_moves.status(row, scheduler),
        reason=row.reason or next(iter(waits.values()), None),
        scheduler_address=row.scheduler_address if row.target == "running" else None,
        dashboard=dashboard(parts, row),
        tls=Tls(certificate=found.certificate, key=found.key),
        n_workers=row.n_workers,
        revision=row.revision,
    )
