"""Dask clusters of a project: made, shown, scaled, closed. The controller does what is wanted."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from prefect_platform.errors import Conflict, NotFound, UsageError
from prefect_platform.server.db.tables import ClusterRow, ProjectRow, WorkloadRow
from prefect_platform.server.services import (
    cluster_members,
    cluster_rows,
    cluster_views,
    environments,
    projects,
    secret_grants,
    sizes,
)
from prefect_platform.server.services.callers import Caller
from prefect_platform.server.services.paging import page
from prefect_platform.server.services.parts import CLUSTERS, Parts, cluster_key
from prefect_platform.server.services.sizes import Needs
from prefect_platform.wire.base import Page
from prefect_platform.wire.clusters import (
    AdaptRequest,
    Cluster,
    ClusterConnection,
    ClusterCreate,
    ScaleRequest,
)
from prefect_platform.wire.dask_spec import DaskSpec
from prefect_platform.wire.runs import Target

CLOSED = "it was closed"
RECHECK_SECONDS = 2.0
"""Another replica may have changed what somebody waits for."""
IDLE_SECONDS = 3600.0
"""After so long without work a cluster of a person ends, unless they said otherwise."""


async def create(parts: Parts, caller: Caller, project_name: str, request: ClusterCreate) -> Cluster:
    """A cluster for interactive work, started at once.

    Raises:
        UsageError: a size is unknown, or can never be had here.
        Conflict: there is an open cluster of this name.
        Unavailable: the platform does not know its machine yet.
    """
    check(parts, request.spec)
    try:
        async with parts.database.session() as session:
            project = await projects.member(session, caller, project_name)
            row = await _insert(session, parts, caller, project, request)
            view = await cluster_views.cluster(session, parts, project, row)
    except IntegrityError as error:
        raise Conflict(
            f"There is an open cluster named {request.name!r} in project {project_name!r}: choose another "
            "name, connect to that one with PlatformCluster.from_name, or close it."
        ) from error
    tell(parts, row)
    return view


async def _insert(
    session: AsyncSession, parts: Parts, caller: Caller, project: ProjectRow, request: ClusterCreate
) -> ClusterRow:
    owner, workload_id, user_id = await cluster_rows.owner_of(session, caller)
    spec = request.spec
    if spec.idle_timeout_seconds is None:
        spec = spec.model_copy(update={"idle_timeout_seconds": IDLE_SECONDS})
    row = cluster_rows.new(
        parts,
        project_id=project.id,
        user_id=user_id,
        name=request.name,
        owner=owner,
        owner_workload_id=workload_id,
        spec=spec,
    )
    row.python = request.python.model_dump(mode="json")
    row.lease_seconds, row.leased_at = request.lease_seconds, row.created_at
    if request.environment is not None:
        await secret_grants.check(session, project, request.environment, None)
        by = replace(caller, user_id=user_id)
        row.environment = await environments.ensure(session, parts, by, project, request.environment)
    session.add(row)
    await session.flush()
    await start(session, parts, row, caller.name)
    return row


async def start(session: AsyncSession, parts: Parts, row: ClusterRow, actor: str) -> None:
    """The first members of a new cluster, which wait for room from now on. Raises as `sizes.needs`."""
    of = await cluster_members.lineage(session, row)
    await cluster_members.add_scheduler(session, parts, row, of, actor)
    await cluster_members.add_workers(session, parts, row, of, row.n_workers, actor)


def check(parts: Parts, spec: DaskSpec) -> None:
    """Refuse a cluster that could never start here.

    Raises:
        UsageError: no such size, or one that can never be had here; the message names the parameter.
        Unavailable: the platform does not know its machine yet.
    """
    worker = _checked("worker_size", lambda: cluster_members.worker_needs(parts, spec))
    scheduler = _checked("scheduler_size", lambda: cluster_members.scheduler_needs(parts, spec))
    for name, needs, size in (
        ("worker_size", worker, spec.worker_size),
        ("scheduler_size", scheduler, spec.scheduler_size),
    ):
        why = sizes.misfit(parts.machine, needs if size else Needs(0.0, needs.memory_bytes, needs.gpu))
        if why is not None:
            raise UsageError(f"{name}: it could never start here: {why}. See `prefect-platform size list`.")


def _checked(name: str, needs: Callable[[], Needs]) -> Needs:
    try:
        return needs()
    except (NotFound, UsageError) as error:
        raise UsageError(f"{name}: {error.message}") from None


async def listing(
    parts: Parts,
    caller: Caller,
    project_name: str,
    cursor: str | None,
    limit: int | None,
    *,
    ended: bool,
) -> Page[Cluster]:
    """Open clusters, the newest first; with `ended` those that have ended too."""
    async with parts.database.reader() as session:
        project = await projects.member(session, caller, project_name)
        those = select(ClusterRow).where(ClusterRow.project_id == project.id)
        those = those if ended else those.where(ClusterRow.ended_at.is_(None))
        rows, following = await page(session, those, [ClusterRow.id], cursor, limit)
        items = await cluster_views.clusters(session, parts, project, rows)
    return Page[Cluster](items=items, cursor=following)


async def show(parts: Parts, caller: Caller, project_name: str, key: str) -> Cluster:
    async with parts.database.reader() as session:
        project = await projects.member(session, caller, project_name)
        row = await cluster_rows.find(session, project, key)
        await cluster_rows.may_see(session, caller, row)
        return await cluster_views.cluster(session, parts, project, row)


async def of_run(parts: Parts, caller: Caller, project_id: str, workload_ids: list[str]) -> list[Cluster]:
    """The clusters of a run's attempts, oldest first."""
    async with parts.database.reader() as session:
        project = await projects.reachable(session, caller, project_id)
        rows = await session.scalars(cluster_rows.owned_by(workload_ids).order_by(ClusterRow.id))
        return await cluster_views.clusters(session, parts, project, rows.all(), ended=True)


async def scale(parts: Parts, caller: Caller, project_name: str, key: str, request: ScaleRequest) -> Cluster:
    """Want so many workers from now on; it ends adapting."""

    def change(row: ClusterRow) -> None:
        row.adapt = None
        want(parts, row, request.n_workers)

    return await _changed(parts, caller, project_name, key, change)


async def adapt(parts: Parts, caller: Caller, project_name: str, key: str, request: AdaptRequest) -> Cluster:
    """Let the scheduler choose between these bounds; without them what is there stays."""

    def change(row: ClusterRow) -> None:
        bounds = request.adapt
        row.adapt = None if bounds is None else bounds.model_dump()
        if bounds is not None:
            want(parts, row, min(max(row.n_workers, bounds.minimum), bounds.maximum))
        row.revision += 1

    return await _changed(parts, caller, project_name, key, change)


def want(parts: Parts, row: ClusterRow, n_workers: int) -> None:
    """Another number of workers of a locked row."""
    if n_workers != row.n_workers:
        row.n_workers, row.scaled_at = n_workers, parts.clock.now()
    row.failures, row.next_worker_at = 0, None
    row.revision += 1


async def renew(parts: Parts, caller: Caller, project_name: str, key: str) -> Cluster:
    """Whoever made it is there. No-op for one without a lease."""

    def change(row: ClusterRow) -> None:
        row.leased_at = parts.clock.now()

    return await _changed(parts, caller, project_name, key, change)


async def close(parts: Parts, caller: Caller, project_name: str, key: str) -> Cluster:
    """Want it ended. No-op for one that ends already, or has."""

    def change(row: ClusterRow) -> None:
        end(row, CLOSED)

    return await _changed(parts, caller, project_name, key, change, open_only=False)


def end(row: ClusterRow, reason: str, *, failed: bool = False) -> None:
    """Want a locked row ended, for a reason that stays."""
    if row.target != Target.STOPPED:
        row.target, row.failed = Target.STOPPED.value, failed
        row.reason = reason[0].upper() + reason[1:].rstrip(".") + "."
        row.revision += 1


async def _changed(
    parts: Parts,
    caller: Caller,
    project_name: str,
    key: str,
    change: Callable[[ClusterRow], None],
    *,
    open_only: bool = True,
) -> Cluster:
    """Raises: Conflict, where it ends already, or has."""
    async with parts.database.session() as session:
        project = await projects.member(session, caller, project_name)
        row = await cluster_rows.find(session, project, key, write=True)
        await cluster_rows.may_change(session, caller, project, row)
        if open_only and row.target == Target.STOPPED:
            why = f" ({row.reason.rstrip('.')})" if row.reason else ""
            raise Conflict(f"Cluster {row.name!r} has ended or is about to{why}: make a new one.")
        change(row)
        await session.flush()
        view = await cluster_views.cluster(session, parts, project, row)
    tell(parts, row)
    return view


def tell(parts: Parts, row: ClusterRow) -> None:
    """Wake the controller and whoever waits for this cluster. After the commit."""
    parts.contents.forget()
    parts.wakeups.notify(CLUSTERS)
    parts.wakeups.notify(cluster_key(row.id))


async def connection(
    parts: Parts, caller: Caller, project_name: str, key: str, known: int | None, wait: float
) -> ClusterConnection:
    """How to reach a cluster, and what opens it; waits up to `wait` seconds for news after `known`.

    Raises:
        Forbidden: it works for somebody else.
    """

    async def look() -> ClusterConnection:
        async with parts.database.reader() as session:
            project = await projects.member(session, caller, project_name)
            row = await cluster_rows.find(session, project, key)
            await cluster_rows.may_change(session, caller, project, row, connect=True)
            return await cluster_views.connection(session, parts, project, row)

    return await news(parts, look, known, wait)


async def connection_of_workload(
    parts: Parts, caller: Caller, workload_id: str, known: int | None, wait: float
) -> ClusterConnection:
    """The same, for code of an attempt that has a cluster, or of a member of one.

    Raises:
        NotFound: there is no cluster for this workload.
    """

    async def look() -> ClusterConnection:
        async with parts.database.reader() as session:
            row = await session.get(WorkloadRow, workload_id) if caller.subject_id == workload_id else None
            found = await cluster_rows.of_workload(session, row) if row is not None else None
            if found is None:
                raise NotFound(
                    "This run has no Dask cluster: register its flow with dask=DaskCluster(…), or give the "
                    "task runner a cluster."
                )
            project = await projects.reachable(session, caller, found.project_id)
            return await cluster_views.connection(session, parts, project, found)

    return await news(parts, look, known, wait)


async def news(
    parts: Parts, look: Callable[[], Awaitable[ClusterConnection]], known: int | None, wait: float
) -> ClusterConnection:
    """The first look that is not the one that is known, or the last within `wait` seconds."""
    found = await look()
    deadline = parts.clock.uptime() + wait
    with parts.wakeups.listen(cluster_key(found.cluster_id)) as listener:
        found = await look()
        while found.revision == known and (left := deadline - parts.clock.uptime()) > 0:
            await listener.wait(min(left, RECHECK_SECONDS))
            found = await look()
    return found
