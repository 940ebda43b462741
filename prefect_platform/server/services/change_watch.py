"""What changed in a project, by the name of its list: for pages that show it, so that they ask only then.

The database is the truth, because other replicas write too. It is asked once a second for a few numbers
that move with everything, however many pages of a project are open here; what happens in this process is
told at once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from prefect_platform.errors import PlatformError
from prefect_platform.server.db.tables import (
    AgentRow,
    ClusterRow,
    FlowRow,
    ResourceRow,
    RunRow,
    SecretRow,
    TransitionRow,
)
from prefect_platform.server.services import projects, tokens
from prefect_platform.server.services.callers import Caller
from prefect_platform.server.services.change_looks import Revisions
from prefect_platform.server.services.logs_live import Event
from prefect_platform.server.services.parts import WORKLOADS, Parts

LOOK_SECONDS = 1.0
SETTLE_SECONDS = 0.1
"""After a word of a change: what is written in the same moment is told together."""
CHECK_SECONDS = 30.0
"""How often it is looked whether the reader may still know."""


async def follow(parts: Parts, caller: Caller, project_name: str) -> AsyncIterator[Event]:
    """`changed` with the names of lists that are other than they were, until the reader goes.

    Raises:
        NotFound: there is no such project, or the caller is not in it.
    """
    async with parts.database.reader() as session:
        project = await projects.member(session, caller, project_name)
        project_id = project.id
    return _events(parts, caller, project_name, project_id)


async def _events(parts: Parts, caller: Caller, name: str, project_id: str) -> AsyncIterator[Event]:
    before = await _look(parts, project_id, parts.clock.uptime())
    spoke = checked = parts.clock.uptime()
    yield Event()
    with parts.wakeups.listen(WORKLOADS) as listener:
        while True:
            if await listener.wait(LOOK_SECONDS):
                await asyncio.sleep(SETTLE_SECONDS)
            now = parts.clock.uptime()
            if now - checked > CHECK_SECONDS:
                checked = now
                if not await _may_still(parts, caller, name):
                    return
            after = await _look(parts, project_id, now)
            topics = [topic for topic, revision in after.items() if before.get(topic) != revision]
            before = after
            if topics:
                spoke = now
                yield Event("changed", data=json.dumps({"topics": topics}))
            elif now - spoke > parts.config.logs.heartbeat_seconds:
                spoke = now
                yield Event()


async def _may_still(parts: Parts, caller: Caller, name: str) -> bool:
    async with parts.database.reader() as session:
        if await tokens.standing(session, parts, caller.token_id) is None:
            return False
        try:
            await projects.member(session, caller, name)
        except PlatformError:  # the stream ends, and who asks again is told why
            return False
    return True


async def _look(parts: Parts, project_id: str, now: float) -> Revisions:
    """The revisions of a project as they were a moment ago at most."""
    looks = parts.change_looks
    async with looks.locks[project_id]:
        at, found = looks.found.get(project_id, (float("-inf"), {}))
        if now - at < SETTLE_SECONDS:
            return found
        async with parts.database.reader() as session:
            found = await _revisions(session, project_id)
        looks.found[project_id] = (now, found)
        return found


async def _revisions(session: AsyncSession, project_id: str) -> Revisions:
    """Numbers that move with what each list shows. Moves and ends are counted over all projects: a page
    asks once too often then, and never too seldom."""
    moves = await session.scalar(select(func.max(TransitionRow.id)))
    ended = await session.scalar(select(func.max(RunRow.ended_at)))
    begun = await session.scalar(select(func.max(RunRow.created_at)).where(RunRow.project_id == project_id))
    resources = await _row(
        session, ResourceRow, project_id, func.max(ResourceRow.updated_at), ResourceRow.deleted_at.is_(None)
    )
    clusters = await _row(
        session, ClusterRow, project_id, func.sum(ClusterRow.revision), ClusterRow.ended_at.is_(None)
    )
    flows = await _row(
        session, FlowRow, project_id, func.max(FlowRow.updated_at), FlowRow.deleted_at.is_(None)
    )
    secrets = await _row(
        session, SecretRow, project_id, func.max(SecretRow.updated_at), SecretRow.deleted_at.is_(None)
    )
    agents = await session.scalar(select(func.count()).where(AgentRow.project_id == project_id))
    return {
        "runs": (moves, ended, begun),
        "resources": (moves, *resources),
        "clusters": (moves, *clusters),
        "flows": flows,
        "secrets": secrets,
        "agents": (agents, *resources),
    }


async def _row(
    session: AsyncSession,
    table: type[ResourceRow | ClusterRow | FlowRow | SecretRow],
    project_id: str,
    newest: ColumnElement[Any],
    there: ColumnElement[bool],
) -> tuple[Any, ...]:
    asked: Select[Any] = select(func.count(), newest).where(table.project_id == project_id, there)
    return tuple((await session.execute(asked)).one())
