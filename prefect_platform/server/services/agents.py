"""Agents: who they are, what they last said, and the work pool that they serve."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Select, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from prefect_platform.errors import Conflict, NotFound, UsageError, foreign
from prefect_platform.names import nearest, new_id, results_block_name, work_pool_name
from prefect_platform.server.db.tables import AgentRow, ProjectRow, ResourceRow
from prefect_platform.server.services import projects, resource_views, tokens
from prefect_platform.server.services.callers import Caller
from prefect_platform.server.services.paging import page
from prefect_platform.server.services.parts import Parts
from prefect_platform.wire.agent_spec import AgentSpec
from prefect_platform.wire.agents import (
    Agent,
    AgentCreate,
    AgentCreated,
    AgentDetail,
    AgentReport,
    WorkPool,
)
from prefect_platform.wire.base import Page
from prefect_platform.wire.resources import ResourceKind
from prefect_platform.wire.tokens import TokenKind
from prefect_platform.wire.work_pool import base_job_template

SILENT_SECONDS = 60.0
"""One that has not reported for so long hangs, or is gone: each reports every few seconds."""


async def listing(
    parts: Parts,
    caller: Caller,
    project: str,
    cursor: str | None,
    limit: int | None,
    labels: Sequence[str] = (),
) -> Page[Agent]:
    """Agents of a project, the newest first; those alone whose spec has all of these labels.

    Raises:
        UsageError: a label is no NAME=VALUE.
    """
    wanted = {name: value for name, _, value in map(_label, labels)}
    async with parts.database.reader() as session:
        owner = await projects.member(session, caller, project)
        those = _there(owner)
        if wanted:
            those = those.where(AgentRow.id.in_(await _labelled(session, owner, wanted)))
        rows, following = await page(session, those, [AgentRow.id], cursor, limit)
    return Page[Agent](items=[_view(row, owner) for row in rows], cursor=following)


def _label(text: str) -> tuple[str, str, str]:
    found = text.partition("=")
    if not found[1]:
        raise UsageError(f"label {foreign(text)!r} is no NAME=VALUE, such as label=team=a.")
    return found


async def _labelled(session: AsyncSession, owner: ProjectRow, wanted: Mapping[str, str]) -> list[str]:
    """Agents that the platform keeps, with all of these labels; one by hand has none."""
    found = await session.execute(
        select(ResourceRow.id, ResourceRow.spec).where(
            ResourceRow.project_id == owner.id,
            ResourceRow.kind == ResourceKind.PREFECT_AGENT.value,
            ResourceRow.deleted_at.is_(None),
        )
    )
    return [key for key, spec in found if wanted.items() <= spec.get("labels", {}).items()]


def _there(owner: ProjectRow) -> Select[tuple[AgentRow]]:
    """Agents of a project, without those whose resource was deleted."""
    gone = select(ResourceRow.id).where(ResourceRow.id == AgentRow.id, ResourceRow.deleted_at.is_not(None))
    return select(AgentRow).where(AgentRow.project_id == owner.id, ~gone.exists())


async def show(parts: Parts, caller: Caller, project: str, name: str) -> AgentDetail:
    """One agent, with what the platform does for it.

    Raises:
        NotFound: there is none, with the nearest name that there is.
    """
    async with parts.database.reader() as session:
        owner = await projects.member(session, caller, project)
        row = await session.scalar(_there(owner).where(AgentRow.name == name))
        if row is None:
            names = [one.name for one in await session.scalars(_there(owner))]
            raise NotFound(f"Project {owner.name!r} has no agent {foreign(name)!r}.{nearest(name, names)}")
        at = parts.clock.now()
        kept = await session.get(ResourceRow, row.id)
        resource = None if kept is None else await resource_views.resource(session, parts, owner, kept)
    return AgentDetail(**dict(_view(row, owner)), resource=resource, uptime_seconds=_uptime(row, at))


def _uptime(row: AgentRow, at: datetime) -> float | None:
    """Since its process began, while it reports."""
    told = None if row.report is None else AgentReport.model_validate(row.report)
    fresh = row.last_seen_at is not None and (at - row.last_seen_at).total_seconds() <= SILENT_SECONDS
    if told is None or told.started_at is None or not fresh:
        return None
    return max(0.0, (at - told.started_at).total_seconds())


async def create(parts: Parts, caller: Caller, project: str, request: AgentCreate) -> AgentCreated:
    """An agent of this name with a new token. Again: the same agent, with a further token."""
    try:
        return await _create(parts, caller, project, request)
    except IntegrityError:  # another call made it meanwhile: now it is there
        return await _create(parts, caller, project, request)


async def _create(parts: Parts, caller: Caller, project: str, request: AgentCreate) -> AgentCreated:
    tokens.check_may_issue(caller)
    async with parts.database.session() as session:
        owner = await projects.member(session, caller, project)
        row = await session.scalar(
            select(AgentRow).where(AgentRow.project_id == owner.id, AgentRow.name == request.name)
        )
        if row is not None and await session.get(ResourceRow, row.id) is not None:
            raise Conflict(
                f"The platform keeps an agent named {row.name!r} itself: choose another name for one by hand."
            )
        if row is None:
            at = parts.clock.now()
            row = AgentRow(id=new_id("ag"), project_id=owner.id, name=request.name, created_at=at)
            session.add(row)
            await session.flush()
        _, secret = await tokens.issue(
            session, parts, kind=TokenKind.AGENT, label=row.name, project_id=owner.id, subject_id=row.id
        )
    return AgentCreated(**_view(row, owner).model_dump(), token=secret)


async def report(parts: Parts, caller: Caller, request: AgentReport) -> Agent:
    """What the calling agent says of itself."""
    async with parts.database.session() as session:
        row = await _self(session, caller)
        row.report = request.model_dump(mode="json")
        row.last_seen_at = parts.clock.now()
        owner = await projects.reachable(session, caller, row.project_id)
    return _view(row, owner)


async def _self(session: AsyncSession, caller: Caller) -> AgentRow:
    row = await session.get(AgentRow, caller.subject_id or "")
    if row is None:
        raise NotFound("The agent of this token is gone: create it again with `prefect-platform up`.")
    return row


async def work_pool(parts: Parts, caller: Caller) -> WorkPool:
    """The Prefect work pool that the calling agent serves, with the form for what a deployment may set."""
    async with parts.database.reader() as session:
        row = await _self(session, caller)
        owner = await projects.reachable(session, caller, row.project_id)
        kept = await session.get(ResourceRow, row.id)
    spec = AgentSpec() if kept is None else AgentSpec.model_validate(kept.spec)
    return WorkPool(
        name=spec.work_pool or work_pool_name(parts.installation_id),
        base_job_template=base_job_template(parts.installation_id),
        results_block=results_block_name(parts.installation_id, owner.name),
        queues=list(spec.queues),
    )


def _view(row: AgentRow, owner: ProjectRow) -> Agent:
    return Agent(
        id=row.id,
        name=row.name,
        project=owner.name,
        created_at=row.created_at,
        last_seen_at=row.last_seen_at,
        report=None if row.report is None else AgentReport.model_validate(row.report),
    )
