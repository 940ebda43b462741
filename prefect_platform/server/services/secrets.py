"""Secrets of a project: written, listed, deleted, and never read by anybody but a run.

Every member may attach a secret and make a new one. A new value, or the end of it, is for the owner of the
secret and the owners of the project.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from prefect_platform.errors import Forbidden, NotFound, UsageError, foreign
from prefect_platform.names import nearest, new_id
from prefect_platform.server.db.tables import (
    AttemptRow,
    ClusterRow,
    FlowRow,
    FlowVersionRow,
    MemberRow,
    ProjectRow,
    ResourceRow,
    RunRow,
    SecretRow,
    SecretUseRow,
    SecretVersionRow,
    UserRow,
    WorkloadRow,
)
from prefect_platform.server.services import projects, secret_values
from prefect_platform.server.services.callers import Caller
from prefect_platform.server.services.paging import page
from prefect_platform.server.services.parts import Parts
from prefect_platform.wire.base import Page
from prefect_platform.wire.projects import Role
from prefect_platform.wire.secrets import MASKABLE_CHARACTERS, Secret, SecretSet, SecretUse, name_problem

_TRIES = 3
_NOTHING_KEPT = {"run_id": "unknown", "attempt_id": "unknown", "flow_version_id": "unknown", "user": None}
"""Of a run whose rows somebody took out of the database by hand."""


async def put(parts: Parts, caller: Caller, project_name: str, name: str, request: SecretSet) -> Secret:
    """Keep a new value under this name, as its next version. A deleted name comes back so.

    Raises:
        UsageError: this is no name for a secret.
        Forbidden: the secret is another member's.
    """
    problem = name_problem(name)
    if problem is not None:
        raise UsageError(problem)
    for left in range(_TRIES, 0, -1):
        try:
            return await _put(parts, caller, project_name, name, request)
        except IntegrityError:  # the name was made at the same moment by another call
            if left == 1:
                raise
    raise AssertionError("unreachable")


async def _put(parts: Parts, caller: Caller, project_name: str, name: str, request: SecretSet) -> Secret:
    at = parts.clock.now()
    async with parts.database.session() as session:
        project = await projects.member(session, caller, project_name)
        row = await _row(session, project.id, name, write=True)
        if row is None:
            row = SecretRow(id=new_id("sc"), project_id=project.id, name=name, version=0, created_at=at)
            row.owner_id = caller.user_id or ""
            session.add(row)
        elif row.deleted_at is not None:
            row.owner_id, row.created_at, row.deleted_at = caller.user_id or "", at, None
        else:
            await _may_change(session, caller, project, row)
        row.version, row.updated_at = row.version + 1, at
        row.maskable = len(request.value.strip()) >= MASKABLE_CHARACTERS
        await session.flush()
        secret_values.keep(session, parts.keyring, row, request.value, caller.user_id, at)
        await session.flush()
        return (await _rendered(session, project, [row]))[0]


async def listing(
    parts: Parts, caller: Caller, project_name: str, cursor: str | None, limit: int | None
) -> Page[Secret]:
    """What there is, the newest first: names and versions."""
    async with parts.database.reader() as session:
        project = await projects.member(session, caller, project_name)
        live = select(SecretRow).where(SecretRow.project_id == project.id, SecretRow.deleted_at.is_(None))
        rows, following = await page(session, live, [SecretRow.id], cursor, limit)
        return Page[Secret](items=await _rendered(session, project, rows), cursor=following)


async def show(parts: Parts, caller: Caller, project_name: str, name: str) -> Secret:
    async with parts.database.reader() as session:
        project = await projects.member(session, caller, project_name)
        return (await _rendered(session, project, [await _live(session, project, name)]))[0]


async def remove(parts: Parts, caller: Caller, project_name: str, name: str) -> None:
    """Delete every value of a secret. Its name and the ledger stay; runs that need it are refused.

    Raises:
        Forbidden: the secret is another member's.
    """
    async with parts.database.session() as session:
        project = await projects.member(session, caller, project_name)
        row = await _live(session, project, name, write=True)
        await _may_change(session, caller, project, row)
        row.deleted_at = row.updated_at = parts.clock.now()
        await session.execute(delete(SecretVersionRow).where(SecretVersionRow.secret_id == row.id))


async def uses(
    parts: Parts, caller: Caller, project_name: str, name: str, cursor: str | None, limit: int | None
) -> Page[SecretUse]:
    """The ledger of a secret, the newest first; also of one that is deleted."""
    async with parts.database.reader() as session:
        project = await projects.member(session, caller, project_name)
        secret = await _row(session, project.id, name)
        if secret is None:
            raise await _absent(session, project, name)
        statement = select(SecretUseRow).where(SecretUseRow.secret_id == secret.id)
        rows, following = await page(session, statement, [SecretUseRow.id], cursor, limit)
        return Page[SecretUse](items=await _told(session, secret.name, rows), cursor=following)


async def missing(session: AsyncSession, project: ProjectRow, names: Iterable[str]) -> list[str]:
    """Those of these names that the project has no secret for, each with the nearest that it has."""
    known = await live_names(session, project.id)
    return [f"{name!r}.{nearest(name, known)}" for name in dict.fromkeys(names) if name not in known]


async def live_names(session: AsyncSession, project_id: str) -> list[str]:
    found = select(SecretRow.name).where(SecretRow.project_id == project_id, SecretRow.deleted_at.is_(None))
    return list((await session.scalars(found)).all())


async def _row(session: AsyncSession, project_id: str, name: str, *, write: bool = False) -> SecretRow | None:
    if name_problem(name) is not None:
        return None
    statement = select(SecretRow).where(SecretRow.project_id == project_id, SecretRow.name == name)
    found: SecretRow | None = await session.scalar(statement.with_for_update() if write else statement)
    return found


async def _live(session: AsyncSession, project: ProjectRow, name: str, *, write: bool = False) -> SecretRow:
    row = await _row(session, project.id, name, write=write)
    if row is None or row.deleted_at is not None:
        raise await _absent(session, project, name)
    return row


async def _absent(session: AsyncSession, project: ProjectRow, name: str) -> NotFound:
    hint = nearest(name, await live_names(session, project.id)) if name_problem(name) is None else ""
    return NotFound(
        f"Project {project.name!r} has no secret {foreign(repr(name))}."
        f"{hint or ' `prefect-platform secret list` shows what there is.'}"
    )


async def _may_change(session: AsyncSession, caller: Caller, project: ProjectRow, row: SecretRow) -> None:
    if row.owner_id == caller.user_id:
        return
    membership = await session.get(MemberRow, (project.id, caller.user_id))
    if membership is None or membership.role != Role.OWNER.value:
        owner = await session.get(UserRow, row.owner_id)
        raise Forbidden(
            f"Secret {row.name!r} belongs to {owner.name if owner else 'another member'}: they, or an owner "
            f"of project {project.name!r}, can change or delete it. Set yours under another name."
        )


async def _rendered(session: AsyncSession, project: ProjectRow, rows: list[SecretRow]) -> list[Secret]:
    ids = {row.owner_id for row in rows}
    users = await session.execute(select(UserRow.id, UserRow.name).where(UserRow.id.in_(ids)))
    names = {row.id: row.name for row in users}
    return [
        Secret(
            name=row.name,
            project=project.name,
            owner=names[row.owner_id],
            version=row.version,
            created_at=row.created_at,
            updated_at=row.updated_at,
            maskable=row.maskable,
        )
        for row in rows
    ]


async def _told(session: AsyncSession, name: str, rows: list[SecretUseRow]) -> list[SecretUse]:
    live = await facts_of_uses(session, [row.workload_id for row in rows])
    return [
        SecretUse(
            secret=name,
            version=row.version,
            workload_id=row.workload_id,
            at=row.at,
            run_removed=row.workload_id not in live,
            **(live.get(row.workload_id) or row.kept or _NOTHING_KEPT),
        )
        for row in rows
    ]


async def facts_of_uses(session: AsyncSession, workload_ids: Iterable[str]) -> dict[str, dict[str, Any]]:
    """What the ledger tells of these workloads beside its own lines, as far as they are still there."""
    ids = set(workload_ids)
    return {
        **await _runs(session, ids),
        **await _resources(session, ids),
        **await _members(session, ids),
    }


async def _runs(session: AsyncSession, workload_ids: set[str]) -> dict[str, dict[str, Any]]:
    found = await session.execute(
        select(AttemptRow, RunRow.started_by, FlowRow.name, FlowVersionRow.number)
        .join(RunRow, RunRow.id == AttemptRow.run_id)
        .join(FlowRow, FlowRow.id == RunRow.flow_id)
        .join(FlowVersionRow, FlowVersionRow.id == AttemptRow.version_id)
        .where(AttemptRow.workload_id.in_(workload_ids))
    )
    return {
        attempt.workload_id: {
            "run_id": attempt.run_id,
            "attempt_id": attempt.id,
            "flow_version_id": attempt.version_id,
            "user": started_by,
            "flow": flow,
            "flow_version": number,
        }
        for attempt, started_by, flow, number in found
    }


async def _members(session: AsyncSession, workload_ids: set[str]) -> dict[str, dict[str, Any]]:
    """What the ledger says of members of Dask clusters, by workload: those of a run have what it has."""
    found = await session.execute(
        select(WorkloadRow.id, ClusterRow.name, ClusterRow.owner_workload_id, UserRow.name.label("user"))
        .join(ClusterRow, ClusterRow.id == WorkloadRow.cluster_id)
        .join(UserRow, UserRow.id == ClusterRow.user_id)
        .where(WorkloadRow.id.in_(workload_ids))
    )
    rows = found.all()
    runs = await _runs(session, {row.owner_workload_id for row in rows if row.owner_workload_id})
    return {
        row.id: {
            "user": row.user,
            **runs.get(row.owner_workload_id, {}),
            "resource": f"dask-cluster {row.name}",
        }
        for row in rows
    }


async def _resources(session: AsyncSession, workload_ids: set[str]) -> dict[str, dict[str, Any]]:
    """What the ledger says of starts of resources, by workload."""
    found = await session.execute(
        select(WorkloadRow.id, ResourceRow.kind, ResourceRow.name, UserRow.name.label("owner"))
        .join(ResourceRow, ResourceRow.id == WorkloadRow.resource_id)
        .join(UserRow, UserRow.id == ResourceRow.owner_id)
        .where(WorkloadRow.id.in_(workload_ids))
    )
    return {row.id: {"resource": f"{row.kind} {row.name}", "user": row.owner} for row in found}
