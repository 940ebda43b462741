"""Resources of a project: made, changed, started, stopped, deleted. The controller does what is wanted.

Every member sees them; to change one is for its owner and the owners of the project.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from prefect_platform.errors import ChangedMeanwhile, Conflict, Forbidden, NotFound, foreign
from prefect_platform.names import nearest
from prefect_platform.server.db.tables import MemberRow, ProjectRow, ResourceRow, UserRow, WorkloadRow
from prefect_platform.server.services import jupyter_servers, projects, resource_views
from prefect_platform.server.services.callers import Caller
from prefect_platform.server.services.kinds import kind_of
from prefect_platform.server.services.paging import page
from prefect_platform.server.services.parts import RESOURCES, Parts
from prefect_platform.server.services.versions import canonical
from prefect_platform.wire.base import Page
from prefect_platform.wire.jupyter_state import ResourceExtend
from prefect_platform.wire.projects import Role
from prefect_platform.wire.resources import (
    Resource,
    ResourceCreate,
    ResourceKind,
    ResourceTarget,
    ResourceUpdate,
)
from prefect_platform.wire.runs import Target


async def create(parts: Parts, caller: Caller, project_name: str, request: ResourceCreate) -> Resource:
    """A new resource, started at once unless that is not wanted.

    Raises:
        UsageError: the spec cannot be.
        Conflict: there is one of this kind and name.
    """
    try:
        async with parts.database.session() as session:
            project = await projects.member(session, caller, project_name)
            spec = await kind_of(request.kind).check(session, parts, project, request.spec)
            row = await insert(
                session, parts, caller, project, request.kind, request.name, spec, start=request.start
            )
            view = await resource_views.resource(session, parts, project, row)
    except IntegrityError as error:
        raise Conflict(
            f"There is a {request.kind.value} named {request.name!r} in project {project_name!r}: choose "
            "another name, or change that one.",
            fields=[{"field": "name", "problem": "another one has this name"}],
        ) from error
    parts.wakeups.notify(RESOURCES)
    return view


async def insert(
    session: AsyncSession,
    parts: Parts,
    caller: Caller,
    project: ProjectRow,
    kind: ResourceKind,
    name: str,
    spec: dict[str, Any],
    *,
    start: bool,
) -> ResourceRow:
    """A new row with a spec that was checked. Raises IntegrityError where the name is taken."""
    at = parts.clock.now()
    row = ResourceRow(
        id=await kind_of(kind).identity(session, parts, project, name),
        project_id=project.id,
        kind=kind.value,
        name=name,
        owner_id=caller.user_id,
        spec=spec,
        spec_digest=canonical(spec),
        target=(ResourceTarget.RUNNING if start else ResourceTarget.STOPPED).value,
        restarts=0,
        failures=0,
        next_start_at=at if start else None,
        restart=False,
        created_at=at,
        updated_at=at,
    )
    session.add(row)
    await session.flush()
    return row


async def listing(
    parts: Parts,
    caller: Caller,
    project_name: str,
    kind: ResourceKind | None,
    cursor: str | None,
    limit: int | None,
) -> Page[Resource]:
    """What there is, the newest first."""
    async with parts.database.reader() as session:
        project = await projects.member(session, caller, project_name)
        live = select(ResourceRow).where(
            ResourceRow.project_id == project.id, ResourceRow.deleted_at.is_(None)
        )
        live = live if kind is None else live.where(ResourceRow.kind == kind.value)
        rows, following = await page(session, live, [ResourceRow.id], cursor, limit)
        items = await resource_views.resources(session, parts, project, rows)
    return Page[Resource](items=items, cursor=following)


async def show(parts: Parts, caller: Caller, project_name: str, kind: ResourceKind, name: str) -> Resource:
    async with parts.database.reader() as session:
        project = await projects.member(session, caller, project_name)
        row = await live(session, project, kind, name)
        return await resource_views.resource(session, parts, project, row)


async def update(
    parts: Parts, caller: Caller, project_name: str, kind: ResourceKind, name: str, request: ResourceUpdate
) -> Resource:
    """Give it another spec. What runs goes on as it is until it is restarted.

    Raises:
        UsageError: the spec cannot be.
        ChangedMeanwhile: somebody changed it after the moment that the request names.
    """
    async with parts.database.session() as session:
        project, row = await _changeable(session, caller, project_name, kind, name)
        if request.unchanged_since is not None and request.unchanged_since != row.updated_at:
            raise await _changed(session, project, row)
        change(row, await kind_of(kind).check(session, parts, project, request.spec), parts.clock.now())
        await session.flush()
        return await resource_views.resource(session, parts, project, row)


def change(row: ResourceRow, spec: dict[str, Any], at: datetime) -> None:
    """Give a locked row a spec that was checked; the same one changes nothing."""
    if spec != row.spec:
        row.spec, row.spec_digest, row.updated_at = spec, canonical(spec), at


async def start(parts: Parts, caller: Caller, project_name: str, kind: ResourceKind, name: str) -> Resource:
    """Want it running; one that waits for its next start need not wait any more."""
    async with parts.database.session() as session:
        project, row = await _changeable(session, caller, project_name, kind, name)
        last = await session.get(WorkloadRow, row.workload_id) if row.workload_id else None
        if last is not None and last.ended_at is None and last.target == Target.RUNNING:
            row.target, row.next_start_at = ResourceTarget.RUNNING.value, None  # it was not told to end yet
        elif row.target != ResourceTarget.RUNNING or row.next_start_at is not None:
            _want_start(row, parts)
        view = await resource_views.resource(session, parts, project, row)
    parts.wakeups.notify(RESOURCES)
    return view


async def stop(parts: Parts, caller: Caller, project_name: str, kind: ResourceKind, name: str) -> Resource:
    """Want it stopped, with its grace."""
    async with parts.database.session() as session:
        project, row = await _changeable(session, caller, project_name, kind, name, to_end=True)
        row.target = ResourceTarget.STOPPED.value
        row.restart, row.reason, row.next_start_at = False, None, None
        view = await resource_views.resource(session, parts, project, row)
    parts.contents.forget()
    parts.wakeups.notify(RESOURCES)
    return view


async def restart(parts: Parts, caller: Caller, project_name: str, kind: ResourceKind, name: str) -> Resource:
    """End what runs of it, with its grace, and start it anew with its spec of now."""
    async with parts.database.session() as session:
        project, row = await _changeable(session, caller, project_name, kind, name)
        start = await session.get(WorkloadRow, row.workload_id) if row.workload_id else None
        if start is not None and start.ended_at is None:
            row.target, row.restart, row.next_start_at = ResourceTarget.RUNNING.value, True, None
        else:
            _want_start(row, parts)
        view = await resource_views.resource(session, parts, project, row)
    parts.contents.forget()
    parts.wakeups.notify(RESOURCES)
    return view


async def extend(
    parts: Parts, caller: Caller, project_name: str, kind: ResourceKind, name: str, request: ResourceExtend
) -> Resource:
    """Do not stop one for want of work before so many seconds from now.

    Raises:
        UsageError, Conflict: it is not stopped for want of work, or does not run.
    """
    async with parts.database.session() as session:
        project, row = await _changeable(session, caller, project_name, kind, name)
        start = await session.get(WorkloadRow, row.workload_id) if row.workload_id else None
        await jupyter_servers.extend(session, parts, row, start, request.seconds)
        await session.flush()
        return await resource_views.resource(session, parts, project, row)


async def remove(parts: Parts, caller: Caller, project_name: str, kind: ResourceKind, name: str) -> Resource:
    """Want it gone: it is stopped first, and then forgotten. Its logs stay."""
    async with parts.database.session() as session:
        project, row = await _changeable(session, caller, project_name, kind, name, to_end=True)
        row.target = ResourceTarget.DELETED.value
        view = await resource_views.resource(session, parts, project, row)
    parts.contents.forget()
    parts.wakeups.notify(RESOURCES)
    return view


async def _changed(session: AsyncSession, project: ProjectRow, row: ResourceRow) -> ChangedMeanwhile:
    """Who may have done it is told by who may: a row does not keep who did."""
    owner = await session.get(UserRow, row.owner_id)
    who = [owner.name if owner else "its owner"]
    if not kind_of(row.kind).private:
        who.append(f"an owner of project {project.name!r}")
    return ChangedMeanwhile(
        f"{row.kind} {row.name!r} was changed at {row.updated_at:%Y-%m-%d %H:%M:%S} UTC by "
        f"{' or '.join(who)}, after you had read it: read it again, and make your change in what it is now.",
        updated_at=row.updated_at.isoformat(),
        by=who,
    )


def _want_start(row: ResourceRow, parts: Parts) -> None:
    row.target = ResourceTarget.RUNNING.value
    row.failures, row.reason, row.next_start_at = 0, None, parts.clock.now()


async def live(
    session: AsyncSession, project: ProjectRow, kind: ResourceKind, name: str, *, write: bool = False
) -> ResourceRow:
    """The resource of this kind and name.

    Raises:
        NotFound: there is none, with the nearest name that there is.
    """
    those = select(ResourceRow).where(
        ResourceRow.project_id == project.id,
        ResourceRow.kind == kind.value,
        ResourceRow.deleted_at.is_(None),
    )
    wanted = those.where(ResourceRow.name == name)
    row: ResourceRow | None = await session.scalar(wanted.with_for_update() if write else wanted)
    if row is None:
        names = [one.name for one in await session.scalars(those)]
        raise NotFound(
            f"Project {project.name!r} has no {kind.value} {foreign(name)!r}."
            f"{nearest(name, names) or ' `prefect-platform resource list` shows what there is.'}"
        )
    return row


async def _changeable(
    session: AsyncSession,
    caller: Caller,
    project_name: str,
    kind: ResourceKind,
    name: str,
    *,
    to_end: bool = False,
) -> tuple[ProjectRow, ResourceRow]:
    """The resource, locked, if the caller may change it.

    Raises:
        Forbidden: it is another member's.
        Conflict: it is being deleted.
    """
    project = await projects.member(session, caller, project_name)
    row = await live(session, project, kind, name, write=True)
    await may_change(session, caller, project, row, to_end=to_end)
    return project, row


async def may_change(
    session: AsyncSession, caller: Caller, project: ProjectRow, row: ResourceRow, *, to_end: bool = False
) -> None:
    """An owner of the project may change it too; one in which somebody works as themselves, end it alone:
    what a spec says runs with the sign-in of the resource's owner.

    Raises:
        Forbidden: it is another member's.
        Conflict: it is being deleted.
    """
    kind, name = ResourceKind(row.kind), row.name
    if row.owner_id != caller.user_id:
        membership = await session.get(MemberRow, (project.id, caller.user_id))
        others = "" if kind_of(row.kind).private else f", or an owner of project {project.name!r},"
        if membership is None or membership.role != Role.OWNER.value or not (others or to_end):
            owner = await session.get(UserRow, row.owner_id)
            whose = owner.name if owner else "another member"
            raise Forbidden(f"{kind.value} {name!r} belongs to {whose}: they{others} can change it.")
    if row.target == ResourceTarget.DELETED:
        raise Conflict(f"{kind.value} {name!r} is being deleted: make a new one once it is gone.")
