"""Changes of a project by its owners. Its Prefect is part of what its flows are: it moves without them."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from prefect_platform.errors import Conflict
from prefect_platform.server.db.tables import AttemptRow, FlowRow, ProjectRow
from prefect_platform.server.services import orchestrators, projects
from prefect_platform.server.services.callers import Caller
from prefect_platform.server.services.parts import Parts
from prefect_platform.wire.projects import Project, ProjectChange, Role

_NAMED = 3
"""Flows that a refusal names."""


async def change(parts: Parts, caller: Caller, name: str, request: ProjectChange) -> Project:
    """Set what the request names, and tell what is wrong with it. The same again changes nothing.

    Raises:
        UsageError: the address of Prefect is none, or holds a password.
        Conflict: the project has flows or open runs in the Prefect that it would leave.
    """
    async with parts.database.session() as session:
        project_id = (await projects.member(session, caller, name, Role.OWNER)).id
        row = await session.get_one(ProjectRow, project_id, with_for_update=True, populate_existing=True)
        if "orchestrator_url" in request.model_fields_set:
            await _move(session, parts, row, request.orchestrator_url)
        if "orchestrator_secret" in request.model_fields_set:
            row.orchestrator_secret = request.orchestrator_secret
    found = projects.rendered(parts, row, Role.OWNER)
    return found.model_copy(update={"notes": await orchestrators.notes(parts, project_id)})


async def _move(session: AsyncSession, parts: Parts, row: ProjectRow, asked: str | None) -> None:
    url, own = orchestrators.chosen(parts, asked)
    if url != row.orchestrator_url:
        await _refuse_with_flows(session, row)
        await _refuse_with_runs(session, row)
    row.orchestrator_url, row.orchestrator_own = url, own


async def _refuse_with_flows(session: AsyncSession, row: ProjectRow) -> None:
    live = select(FlowRow.name).where(FlowRow.project_id == row.id, FlowRow.deleted_at.is_(None))
    names = sorted(await session.scalars(live))
    if names:
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        raise Conflict(
            f"Project {row.name!r} has flows in Prefect at {row.orchestrator_url}, which are other flows in "
            f"another Prefect: {', '.join(map(repr, names[:_NAMED]))}{more}. Delete them with "
            "`prefect-platform flow delete NAME`, or make another project for the other Prefect.",
            flows=len(names),
        )


async def _refuse_with_runs(session: AsyncSession, row: ProjectRow) -> None:
    """What was started from the old Prefect is settled there."""
    unsettled = select(func.count()).select_from(AttemptRow)
    count = await session.scalar(
        unsettled.where(AttemptRow.project_id == row.id, AttemptRow.settled_at.is_(None))
    )
    if count:
        raise Conflict(
            f"Project {row.name!r} has {count} runs that go on or wait to be settled in Prefect at "
            f"{row.orchestrator_url}: `prefect-platform run list` shows them; cancel them, or wait for their "
            "end.",
            runs=count,
        )
