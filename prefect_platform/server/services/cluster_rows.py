"""The rows of clusters: made, found, and whose they are."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Select, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from prefect_platform.errors import Forbidden, NotFound, foreign
from prefect_platform.names import nearest, new_id
from prefect_platform.server.db.tables import (
    ClusterRow,
    FlowRow,
    MemberRow,
    ProjectRow,
    ResourceRow,
    UserRow,
    WorkloadRow,
)
from prefect_platform.server.services import cluster_tls, workloads
from prefect_platform.server.services.callers import Caller
from prefect_platform.server.services.parts import Parts
from prefect_platform.wire.clusters import ClusterOwner
from prefect_platform.wire.dask_spec import DaskSpec
from prefect_platform.wire.projects import Role
from prefect_platform.wire.runs import Target
from prefect_platform.wire.tokens import TokenKind


def new(
    parts: Parts,
    *,
    project_id: str,
    user_id: str,
    name: str | None,
    owner: ClusterOwner,
    owner_workload_id: str | None,
    spec: DaskSpec,
) -> ClusterRow:
    """A row that was not added yet; without a name it gets one of its own."""
    at, cluster_id = parts.clock.now(), new_id("dc")
    name = name or f"dask-{cluster_id[-10:]}"
    made = cluster_tls.make(f"dask cluster {name}", at)
    return ClusterRow(
        id=cluster_id,
        project_id=project_id,
        user_id=user_id,
        name=name,
        owner_kind=owner.value,
        owner_workload_id=owner_workload_id,
        spec=spec.model_dump(mode="json", exclude_defaults=True),
        target=Target.RUNNING.value,
        n_workers=spec.first,
        scaled_at=at,
        adapt=None if spec.adapt is None else spec.adapt.model_dump(),
        next_number=1,
        failures=0,
        failed=False,
        revision=1,
        workers_ready=0,
        events=[],
        created_at=at,
        **cluster_tls.close(parts.keyring, made, project_id, cluster_id),
    )


_ALL = " `prefect-platform cluster list --all` shows all, and the ids by which ended ones are found."


async def find(session: AsyncSession, project: ProjectRow, key: str, *, write: bool = False) -> ClusterRow:
    """The open cluster of this name, or any by its id.

    Raises:
        NotFound: there is none, with the nearest name that there is.
    """
    those = select(ClusterRow).where(ClusterRow.project_id == project.id)
    live = ClusterRow.ended_at.is_(None)
    wanted = those.where(or_(ClusterRow.id == key, (ClusterRow.name == key) & live))
    wanted = wanted.execution_options(populate_existing=True)
    row: ClusterRow | None = await session.scalar(wanted.with_for_update() if write else wanted)
    if row is None:
        names = [one.name for one in await session.scalars(those.where(live))]
        raise NotFound(
            f"Project {project.name!r} has no open cluster {foreign(key)!r}.{nearest(key, names) or _ALL}"
        )
    return row


async def locked(session: AsyncSession, cluster_id: str) -> ClusterRow | None:
    """A row to write: nobody else writes it until this transaction ends."""
    return await session.get(ClusterRow, cluster_id, with_for_update=True, populate_existing=True)


async def of_workload(session: AsyncSession, workload: WorkloadRow) -> ClusterRow | None:
    """The cluster that a workload is a member of, or else the one that began with it and is its own."""
    if workload.cluster_id is not None:
        return await session.get(ClusterRow, workload.cluster_id, populate_existing=True)
    found: ClusterRow | None = await session.scalar(
        owned_by([workload.id])
        .where(ClusterRow.owner_kind == ClusterOwner.ATTEMPT.value)
        .order_by(ClusterRow.id)
        .limit(1)
        .execution_options(populate_existing=True)
    )
    return found


async def scheduler(session: AsyncSession, row: ClusterRow) -> WorkloadRow | None:
    found: WorkloadRow | None = await session.scalar(
        select(WorkloadRow).where(WorkloadRow.cluster_id == row.id, WorkloadRow.cluster_number == 0).limit(1)
    )
    return found


def owned_by(workload_ids: Sequence[str]) -> Select[tuple[ClusterRow]]:
    """The clusters that belong to these attempts or starts."""
    return select(ClusterRow).where(ClusterRow.owner_workload_id.in_(workload_ids))


async def owner_open(session: AsyncSession, row: ClusterRow) -> bool:
    """Whether what a cluster belongs to is open; a user's own has nobody who could end."""
    if row.owner_workload_id is None:
        return True
    owner = await session.get(WorkloadRow, row.owner_workload_id, populate_existing=True)
    return owner is not None and owner.ended_at is None and not workloads.is_final(owner)


async def may_see(session: AsyncSession, caller: Caller, row: ClusterRow) -> None:
    """Members of a project see its clusters; code of a run or of a cluster those of its attempt alone.

    Raises:
        NotFound: it is not the caller's to see.
    """
    if caller.kind is TokenKind.USER:
        return
    own = await session.get(WorkloadRow, caller.subject_id) if caller.subject_id else None
    mine = own is not None and (row.owner_workload_id == own.id or row.id == own.cluster_id)
    if not mine:
        raise NotFound(f"There is no cluster {row.name!r}, or it is not yours to see.")


async def may_change(
    session: AsyncSession, caller: Caller, project: ProjectRow, row: ClusterRow, *, connect: bool = False
) -> None:
    """Who it works for may change it, and the code that it belongs to; an owner of the project too, who may
    not `connect`: in it one works as its user, with their secrets.

    Raises:
        NotFound, Forbidden: it is another's.
    """
    await may_see(session, caller, row)
    if caller.kind is not TokenKind.USER or row.user_id == caller.user_id:
        return
    membership = await session.get(MemberRow, (project.id, caller.user_id))
    if connect or membership is None or membership.role != Role.OWNER.value:
        user = await session.get(UserRow, row.user_id)
        whose = user.name if user is not None else "another member"
        how = "connect to it: in it one works as its user" if connect else "change it"
        raise Forbidden(f"Cluster {row.name!r} works for {whose}: only they can {how}.")


async def owner_of(session: AsyncSession, caller: Caller) -> tuple[ClusterOwner, str | None, str]:
    """What a cluster belongs to that this caller asks for: kind, workload and user.

    Raises:
        Forbidden: code of a member of a cluster asks for a cluster of its own.
    """
    start = await session.get(WorkloadRow, caller.subject_id) if caller.subject_id else None
    if caller.kind is TokenKind.USER and start is None:
        return ClusterOwner.USER, None, str(caller.user_id)
    if start is None or start.cluster_id is not None:
        raise Forbidden("A worker of a cluster makes no clusters: make it where the flow itself runs.")
    if caller.kind is TokenKind.USER:
        return ClusterOwner.JUPYTER_SERVER, start.id, str(caller.user_id)
    return ClusterOwner.ATTEMPT, start.id, await user_of_attempt(session, start)


async def user_of_attempt(session: AsyncSession, start: WorkloadRow) -> str:
    """Who the flow of an attempt belongs to, or the owner of what else runs code."""
    if start.flow_id is not None:
        return (await session.get_one(FlowRow, start.flow_id)).owner_id
    return (await session.get_one(ResourceRow, start.resource_id)).owner_id
