"""Agents that are stuck, told once, and once more when they are well again.

How long something lasts is measured by this server's own uptime: after a night in which the machine slept
or the platform was down nobody is stuck. An agent by hand that was never heard of is nobody's concern; one
that the platform keeps is to report as long as it is wanted. Which episodes were told stands in the outbox.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from prefect_platform.names import new_id
from prefect_platform.server.db.tables import (
    AgentRow,
    NotificationRow,
    NotificationRuleRow,
    ProjectRow,
    ResourceRow,
)
from prefect_platform.server.services import notifications
from prefect_platform.server.services.notifications import Event
from prefect_platform.server.services.parts import Parts
from prefect_platform.wire.notifications import EventKind
from prefect_platform.wire.resources import ResourceTarget

STUCK_SECONDS = 300.0
GIVEN_UP = timedelta(days=7)
"""An agent that was not heard of for so long is not stuck, but gone."""
WELL = ":well"
"""Ends the id of the event that ends an episode."""

_log = logging.getLogger(__name__)


@dataclass
class _Watched:
    """What this server has seen of an agent, by its uptime."""

    seen: datetime | None
    since: float
    """When it saw this sign of life first."""
    problem_since: float | None = None
    spoke: bool = False
    """Whether there was a new sign of life while this server watched."""


class AgentWatch:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._watched: dict[str, _Watched] = {}

    async def look(self) -> None:
        """Look at every agent of the projects that want to know and that is meant to run, and tell what has
        changed."""
        async with self._parts.database.reader() as session:
            agents = await self._agents(session)
            kept = await _kept(session, [row.id for row in agents])
        self._watched = {row.id: self._watch(row) for row in agents}
        for row in agents:
            sentence, well = self._finding(row, kept.get(row.id))
            if sentence is not None or well:
                await self._attempt(row.id, sentence)

    async def _agents(self, session: AsyncSession) -> Sequence[AgentRow]:
        rules = await session.scalars(
            select(NotificationRuleRow).where(NotificationRuleRow.enabled.is_(True))
        )
        wanting = {rule.project_id for rule in rules if EventKind.AGENT_STUCK.value in rule.events}
        if not wanting:
            return []
        stopped = select(ResourceRow.id).where(ResourceRow.target != ResourceTarget.RUNNING.value)
        found = select(AgentRow).where(AgentRow.project_id.in_(wanting), AgentRow.id.not_in(stopped))
        return (await session.scalars(found)).all()

    def _watch(self, row: AgentRow) -> _Watched:
        now = self._parts.clock.uptime()
        watched = self._watched.get(row.id) or _Watched(row.last_seen_at, now)
        if watched.seen != row.last_seen_at:
            watched.seen, watched.since, watched.spoke = row.last_seen_at, now, True
        if _problem(row) is None:
            watched.problem_since = None
        elif watched.problem_since is None:
            watched.problem_since = now
        return watched

    def _finding(self, row: AgentRow, kept: ResourceRow | None) -> tuple[str | None, bool]:
        """Why it is stuck, if it is; and whether it is certainly well."""
        watched, now = self._watched[row.id], self._parts.clock.uptime()
        if kept is None and self._is_gone(row):
            return None, False
        if now - watched.since >= STUCK_SECONDS:
            return _silent(row, kept), False
        problem = _problem(row)
        if watched.problem_since is not None and now - watched.problem_since >= STUCK_SECONDS:
            return f"It takes no runs: {problem}", False
        return None, watched.spoke and problem is None

    def _is_gone(self, row: AgentRow) -> bool:
        """Whether nobody expects to hear of this agent, which somebody ran by hand."""
        return row.last_seen_at is None or self._parts.clock.now() - row.last_seen_at > GIVEN_UP

    async def _attempt(self, agent_id: str, sentence: str | None) -> None:
        try:
            await self._tell(agent_id, sentence)
        except Exception:  # noqa: BLE001 - the others are told of all the same
            _log.exception("nobody could be told of agent %s; again in a moment", agent_id)

    async def _tell(self, agent_id: str, sentence: str | None) -> None:
        """Open or close an episode, unless that was told. The lock on the agent's row makes it once."""
        async with self._parts.database.session() as session:
            row = await session.get(AgentRow, agent_id, with_for_update=True, populate_existing=True)
            is_open = await _is_open(session, agent_id)
            if row is None or is_open is (sentence is not None):
                return
            state = "is stuck" if sentence else "is well again"
            project = await session.get_one(ProjectRow, row.project_id)
            kept = await session.get(ResourceRow, row.id)
            event = Event(
                kind=EventKind.AGENT_STUCK,
                project_id=row.project_id,
                subject=row.id,
                title=f"agent {row.name} {state}",
                sentence=sentence or "It was heard of again, and takes runs.",
                command=_command(kept, project),
                log_workload_id=kept.workload_id if kept else None,
                once=new_id("ep") + ("" if sentence else WELL),
            )
            await notifications.tell(session, self._parts, event)


def _command(kept: ResourceRow | None, project: ProjectRow) -> str:
    """What shows more; of one that is run by hand the platform knows what stands in the list."""
    if kept is None:
        return f"prefect-platform agent list --project {project.name}"
    return f"prefect-platform resource show {kept.kind}/{kept.name} --project {project.name}"


def _problem(row: AgentRow) -> str | None:
    found = (row.report or {}).get("problem")
    return str(found) if found else None


async def _kept(session: AsyncSession, agent_ids: Sequence[str]) -> dict[str, ResourceRow]:
    """Those that the platform keeps, by id."""
    found = select(ResourceRow).where(ResourceRow.id.in_(agent_ids), ResourceRow.deleted_at.is_(None))
    return {row.id: row for row in await session.scalars(found)}


def _silent(row: AgentRow, kept: ResourceRow | None) -> str:
    """Why one is stuck that is not heard of, with what the platform knows of its starts."""
    seen = "It was never heard of"
    if row.last_seen_at is not None:
        seen = f"It was last heard of at {row.last_seen_at:%Y-%m-%d %H:%M:%S} UTC"
    if kept is None:
        return f"{seen}, and takes no runs: see whether it still runs where it was started."
    why = f" Its last start: {kept.reason}" if kept.reason else ""
    return (
        f"{seen}, and takes no runs, though it is to run: see `prefect-platform agent show {row.name}`.{why}"
    )


async def _is_open(session: AsyncSession, agent_id: str) -> bool:
    """Whether the last that was told of this agent is that it is stuck."""
    last = await session.scalar(
        select(NotificationRow.event_id)
        .where(NotificationRow.subject == agent_id, NotificationRow.kind == EventKind.AGENT_STUCK.value)
        .order_by(NotificationRow.id.desc())
        .limit(1)
    )
    return last is not None and not last.endswith(WELL)
