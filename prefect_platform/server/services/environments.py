"""Environments: immutable, one row a project and fingerprint, shared by every version that has them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from prefect_platform.errors import InternalError, NotFound, foreign
from prefect_platform.names import new_id
from prefect_platform.server.db.tables import EnvironmentRow, ProjectRow, UserRow
from prefect_platform.server.services import projects
from prefect_platform.server.services.callers import Caller
from prefect_platform.server.services.paging import page
from prefect_platform.server.services.parts import Parts
from prefect_platform.server.services.versions import canonical
from prefect_platform.wire.base import Page
from prefect_platform.wire.environments import Environment, EnvironmentSpec


def fingerprint(spec: EnvironmentSpec) -> str:
    """What makes two environments one: the order in which its parts were told counts for nothing.

    Fields at their default are left out, so that one which is new in a release changes no fingerprint.
    """
    said = spec.model_dump(mode="json", exclude_defaults=True)
    return canonical({name: _unordered(value) for name, value in said.items()})


def _unordered(value: Any) -> Any:
    """Lists whose order says nothing, sorted. Of two options (of two indexes) the first counts more."""
    if not isinstance(value, list) or any(isinstance(one, str) and one.startswith("-") for one in value):
        return value
    return sorted(value, key=canonical)


async def ensure(
    session: AsyncSession, parts: Parts, caller: Caller, project: ProjectRow, spec: EnvironmentSpec
) -> str:
    """The fingerprint of an environment that is stored from now on, if it was not before."""
    mark = fingerprint(spec)
    if await _row(session, project.id, mark, held=True) is None:
        session.add(
            EnvironmentRow(
                id=new_id("en"),
                project_id=project.id,
                fingerprint=mark,
                content=spec.model_dump(mode="json"),
                created_by=caller.user_id,
                created_at=parts.clock.now(),
            )
        )
        await session.flush()
    return mark


async def find(session: AsyncSession, project_id: str, mark: str) -> EnvironmentSpec:
    """A stored environment of a project.

    Raises:
        InternalError: there is none: a version names what was never stored.
    """
    row = await _row(session, project_id, mark)
    if row is None:
        raise InternalError(f"Environment {mark[:12]}… is not stored: register the flow again.")
    return EnvironmentSpec.model_validate(row.content)


async def listing(
    parts: Parts, caller: Caller, project: str, cursor: str | None, limit: int | None
) -> Page[Environment]:
    """The environments of a project, newest first."""
    async with parts.database.reader() as session:
        owner = await projects.member(session, caller, project)
        statement = select(EnvironmentRow).where(EnvironmentRow.project_id == owner.id)
        rows, following = await page(session, statement, [EnvironmentRow.id], cursor, limit)
        return Page[Environment](items=await _rendered(session, owner, rows), cursor=following)


async def show(parts: Parts, caller: Caller, project: str, mark: str) -> Environment:
    """One environment of a project, by its fingerprint.

    Raises:
        NotFound: there is none.
    """
    async with parts.database.reader() as session:
        owner = await projects.member(session, caller, project)
        row = await _row(session, owner.id, mark)
        if row is None:
            raise NotFound(f"There is no environment {foreign(mark)!r} in project {project!r}.")
        return (await _rendered(session, owner, [row]))[0]


async def _rendered(
    session: AsyncSession, project: ProjectRow, rows: Sequence[EnvironmentRow]
) -> list[Environment]:
    users = {row.created_by for row in rows}
    found = await session.execute(select(UserRow.id, UserRow.name).where(UserRow.id.in_(users)))
    names = {row.id: row.name for row in found}
    return [
        Environment(
            id=row.id,
            project=project.name,
            fingerprint=row.fingerprint,
            spec=EnvironmentSpec.model_validate(row.content),
            created_by=names[row.created_by],
            created_at=row.created_at,
        )
        for row in rows
    ]


async def _row(
    session: AsyncSession, project_id: str, mark: str, *, held: bool = False
) -> EnvironmentRow | None:
    """The row; `held` keeps retention from it until the session ends."""
    statement = select(EnvironmentRow).where(
        EnvironmentRow.project_id == project_id, EnvironmentRow.fingerprint == mark
    )
    found: EnvironmentRow | None = await session.scalar(
        statement.with_for_update(read=True) if held else statement
    )
    return found
