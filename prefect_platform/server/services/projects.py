"""Projects and membership. Who is not a member is told that there is no such thing.

Every service asks `member` or `reachable` before it touches a row that belongs to a project.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from sqlalchemy import Select, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from prefect_platform.errors import Conflict, Forbidden, NotFound
from prefect_platform.names import new_id, work_pool_name
from prefect_platform.server.db.tables import MemberRow, ProjectRow, UserRow
from prefect_platform.server.services import orchestrators
from prefect_platform.server.services.callers import Caller
from prefect_platform.server.services.paging import page
from prefect_platform.server.services.parts import Parts
from prefect_platform.wire.base import Page
from prefect_platform.wire.orchestrators import is_loopback
from prefect_platform.wire.projects import MemberSet, Project, ProjectCreate, Role
from prefect_platform.wire.tokens import TokenKind


async def member(
    session: AsyncSession, caller: Caller, project_name: str, role: Role = Role.MEMBER
) -> ProjectRow:
    """The project of this name, if the caller reaches it.

    Raises:
        NotFound: there is none, or it is not the caller's to know of.
        Forbidden: a member, where `role` asks for the owner.
    """
    row = await session.scalar(select(ProjectRow).where(ProjectRow.name == project_name))
    return await _checked(
        session, caller, row, role, f"There is no project {project_name!r} that you are a member of."
    )


async def reachable(session: AsyncSession, caller: Caller, project_id: str) -> ProjectRow:
    """The project with this id, if the caller reaches it; NotFound otherwise."""
    row = await session.get(ProjectRow, project_id)
    return await _checked(
        session, caller, row, Role.MEMBER, "There is no such thing, or it is not yours to see."
    )


async def _checked(
    session: AsyncSession, caller: Caller, row: ProjectRow | None, role: Role, absent: str
) -> ProjectRow:
    found = await _role(session, caller, row) if row is not None else None
    if row is None or found is None:
        raise NotFound(absent)
    if role is Role.OWNER and found is not Role.OWNER:
        raise Forbidden(f"Only an owner of project {row.name!r} may do this; you are a member.")
    return row


async def _role(session: AsyncSession, caller: Caller, row: ProjectRow) -> Role | None:
    """The caller's role. Everything but a person is at most a member of its one project."""
    if caller.project_id is not None and caller.project_id != row.id:
        return None
    if caller.kind is not TokenKind.USER:
        return Role.MEMBER if caller.project_id == row.id else None
    found = await session.get(MemberRow, (row.id, caller.user_id))
    return Role(found.role) if found is not None else None


async def names(session: AsyncSession, ids: Iterable[str]) -> dict[str, str]:
    """Names of projects by id."""
    rows = await session.execute(select(ProjectRow.id, ProjectRow.name).where(ProjectRow.id.in_(list(ids))))
    return {row.id: row.name for row in rows}


def orchestrator_key(url: str) -> str:
    """What stands for a Prefect API in a flow's identity.

    On the loopback interface the port is left out: `up` takes the next free one when another
    program holds the usual, and a flow must not become another flow by that.
    """
    parts = urlsplit(url.rstrip("/"))
    host = (parts.hostname or "").lower()
    return "loopback" if is_loopback(host) else f"{parts.scheme}://{parts.netloc.lower()}{parts.path}"


async def create(parts: Parts, caller: Caller, request: ProjectCreate) -> Project:
    """A project of the caller's own. What is wrong with its Prefect is told, and stops nothing.

    Raises:
        UsageError: the address of its Prefect is none, or holds a password.
    """
    url, own = orchestrators.chosen(parts, request.orchestrator_url)
    if caller.project_id is not None:
        raise Forbidden("This token is limited to one project and cannot make another.")
    row = ProjectRow(id=new_id("pr"), name=request.name, orchestrator_url=url, created_at=parts.clock.now())
    row.orchestrator_own, row.orchestrator_secret = own, request.orchestrator_secret
    try:
        async with parts.database.session() as session:
            session.add(row)
            await session.flush()
            session.add(MemberRow(project_id=row.id, user_id=caller.user_id, role=Role.OWNER.value))
    except IntegrityError as error:
        raise Conflict(f"A project named {request.name!r} exists already: choose another name.") from error
    notes = await orchestrators.notes(parts, row.id)
    return rendered(parts, row, Role.OWNER).model_copy(update={"notes": notes})


async def show(parts: Parts, caller: Caller, name: str) -> Project:
    async with parts.database.reader() as session:
        row = await member(session, caller, name)
        return rendered(parts, row, await _role(session, caller, row))


async def listing(parts: Parts, caller: Caller, cursor: str | None, limit: int | None) -> Page[Project]:
    """The projects that the caller is a member of."""
    async with parts.database.reader() as session:
        rows, following = await page(session, _mine(caller), [ProjectRow.id], cursor, limit)
        items = [rendered(parts, row, await _role(session, caller, row)) for row in rows]
    return Page[Project](items=items, cursor=following)


def _mine(caller: Caller) -> Select[tuple[ProjectRow]]:
    found = (
        select(ProjectRow)
        .join(MemberRow, MemberRow.project_id == ProjectRow.id)
        .where(MemberRow.user_id == caller.user_id)
    )
    return found if caller.project_id is None else found.where(ProjectRow.id == caller.project_id)


async def set_member(parts: Parts, caller: Caller, name: str, request: MemberSet) -> Project:
    """Give a user a role in a project. An owner's right; the last owner stays one."""
    async with parts.database.session() as session:
        row = await member(session, caller, name, Role.OWNER)
        user = await session.scalar(select(UserRow).where(UserRow.name == request.user))
        if user is None:
            raise NotFound(f"There is no user {request.user!r}: an administrator makes users.")
        found = await session.get(MemberRow, (row.id, user.id))
        if found is None:
            session.add(MemberRow(project_id=row.id, user_id=user.id, role=request.role.value))
        else:
            await _keep_an_owner(session, row, found, request.role)
            found.role = request.role.value
        await session.flush()
        return rendered(parts, row, await _role(session, caller, row))


async def _keep_an_owner(session: AsyncSession, row: ProjectRow, found: MemberRow, role: Role) -> None:
    if found.role != Role.OWNER.value or role is Role.OWNER:
        return
    owners = await session.scalar(
        select(func.count()).where(MemberRow.project_id == row.id, MemberRow.role == Role.OWNER.value)
    )
    if owners == 1:
        raise Conflict(
            f"Project {row.name!r} would be left without an owner: make somebody else an owner first."
        )


def rendered(parts: Parts, row: ProjectRow, role: Role | None) -> Project:
    return Project(
        name=row.name,
        orchestrator_url=row.orchestrator_url,
        orchestrator_ui_url=orchestrators.shown(parts, row).home,
        orchestrator_secret=row.orchestrator_secret,
        work_pool=work_pool_name(parts.installation_id),
        role=role,
        created_at=row.created_at,
    )
