"""What a scheduler tells of its cluster, and what it is told to do."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from prefect_platform.errors import NotFound
from prefect_platform.server.db.tables import ClusterRow, WorkloadRow
from prefect_platform.server.services import cluster_moves, cluster_rows, clusters, workloads
from prefect_platform.server.services.callers import Caller
from prefect_platform.server.services.clusters import RECHECK_SECONDS
from prefect_platform.server.services.launches import PLATFORM
from prefect_platform.server.services.parts import Parts, cluster_key
from prefect_platform.wire.clusters import SchedulerOrders, SchedulerReport, report_key
from prefect_platform.wire.dask_spec import AdaptRange
from prefect_platform.wire.runs import Target

IDLE = "nothing was done in it for {seconds:g} s"
LOST_WORKER = "its scheduler had not heard of it for too long, and went on without it"
MOST_EVENTS = 50


async def report(parts: Parts, caller: Caller, workload_id: str, told: SchedulerReport) -> SchedulerOrders:
    """Take a report, and answer with orders once there are others than it knows.

    Raises:
        NotFound: the caller is no scheduler, or another's.
    """
    cluster_id = await _take(parts, caller, workload_id, told)
    deadline = parts.clock.uptime() + told.wait
    with parts.wakeups.listen(cluster_key(cluster_id)) as listener:
        found = await _orders(parts, cluster_id)
        while found.revision == told.known and (left := deadline - parts.clock.uptime()) > 0:
            await listener.wait(min(left, RECHECK_SECONDS))
            found = await _orders(parts, cluster_id)
    return found


async def _take(parts: Parts, caller: Caller, workload_id: str, told: SchedulerReport) -> str:
    async with parts.database.reader() as session:
        cluster_id = await _cluster_of(session, caller, workload_id)
        row = await session.get_one(ClusterRow, cluster_id)
    if _is_news(row, told):
        async with parts.database.session() as session:
            held = await cluster_rows.locked(session, cluster_id)
            if held is not None and told.report == report_key(workload_id):
                held.report = told.report
            if held is not None and held.target == Target.RUNNING:
                _write(parts, held, told)
                for name in told.lost:
                    await _give_up(session, held, name, parts)
        clusters.tell(parts, row)
    return cluster_id


async def _cluster_of(session: AsyncSession, caller: Caller, workload_id: str) -> str:
    row = await session.get(WorkloadRow, workload_id) if caller.subject_id == workload_id else None
    if row is None or row.cluster_id is None or row.cluster_number != 0:
        raise NotFound(f"Workload {workload_id!r} is no scheduler of a cluster, or not yours.")
    return row.cluster_id


def _is_news(row: ClusterRow, told: SchedulerReport) -> bool:
    """Whether anything has to be written: most reports only wait for orders."""
    return bool(
        _where(told) != (row.scheduler_address, row.dashboard_address)
        or told.workers != row.workers_ready
        or (told.wanted is not None and row.adapt is not None and told.wanted != row.n_workers)
        or told.idle
        or told.lost
        or told.report
    )


def _where(told: SchedulerReport) -> tuple[str | None, str | None]:
    return told.address, told.dashboard_address


def _write(parts: Parts, row: ClusterRow, told: SchedulerReport) -> None:
    at = parts.clock.now()
    if told.address is not None and row.scheduler_address is None:
        row.ready_at = at
    if told.workers > row.workers_ready:
        row.failures = 0
    if told.address is not None and _where(told) != (row.scheduler_address, row.dashboard_address):
        row.scheduler_address, row.dashboard_address = told.address, told.dashboard_address
        row.revision += 1
    row.workers_ready = told.workers
    if told.wanted is not None and row.adapt is not None:
        bounds = AdaptRange.model_validate(row.adapt)
        wanted = min(max(told.wanted, bounds.minimum), bounds.maximum)
        if wanted != row.n_workers:
            clusters.want(parts, row, wanted)
    if told.idle:
        seconds = row.spec.get("idle_timeout_seconds") or 0.0
        clusters.end(row, IDLE.format(seconds=seconds))


async def _give_up(session: AsyncSession, row: ClusterRow, name: str, parts: Parts) -> None:
    """End a worker that its scheduler went on without, by force: what stands still hears no signal. Another
    takes its place. Where it has ended already, its end is told of as any other."""
    members = await session.scalars(
        select(WorkloadRow).where(
            WorkloadRow.cluster_id == row.id, WorkloadRow.cluster_number > 0, WorkloadRow.ended_at.is_(None)
        )
    )
    found = next((one.id for one in members if cluster_moves.member_name(one) == name), None)
    held = await workloads.locked(session, found) if found is not None else None
    if held is not None and workloads.ask_to_stop(held, PLATFORM, LOST_WORKER):
        held.grace_seconds = 0.0
        note(row, name, LOST_WORKER, parts)


def note(row: ClusterRow, member: str, reason: str, parts: Parts) -> None:
    """Keep among the last events of a locked row that a member was lost."""
    event = {"at": parts.clock.now().isoformat(), "member": member, "reason": reason}
    row.events = [*row.events, event][-MOST_EVENTS:]


async def _orders(parts: Parts, cluster_id: str) -> SchedulerOrders:
    async with parts.database.reader() as session:
        row = await session.get_one(ClusterRow, cluster_id)
        return SchedulerOrders(
            revision=row.revision,
            n_workers=row.n_workers,
            adapt=None if row.adapt is None else AdaptRange.model_validate(row.adapt),
            stopping=row.target != Target.RUNNING,
        )
