"""Runs of which nothing is open here: what became of them is Prefect's to say.

No agent hears of a run that was cancelled or deleted before its first attempt, or between two. So whoever
looks at such a run makes the platform look into Prefect. A run in a Prefect that its agent alone talks to is
left to that agent.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from prefect_platform.errors import OrchestratorUnavailable
from prefect_platform.server.db.tables import AttemptRow, RunRow, WorkloadRow
from prefect_platform.server.services import notifications, orchestrators, prefect_access, settlement
from prefect_platform.server.services.orchestrator import FlowRunState
from prefect_platform.server.services.parts import Parts
from prefect_platform.server.services.run_views import is_over
from prefect_platform.wire.runs import FINAL

LONGEST_SECONDS = 1.0
"""A look waits no longer for Prefect; what is known here stands until it answers."""
DELETED = "Deleted"
"""Stands for Prefect's state where Prefect does not know the run any more."""


async def refresh(parts: Parts, rows: Sequence[RunRow]) -> bool:
    """Ask Prefect for those of these runs that wait there; whether anything has changed."""
    by_project: dict[str, dict[str, str | None]] = defaultdict(dict)
    for row in await _in_projects(parts, [row for row in rows if not is_over(row) and _waits(row)]):
        by_project[row.project_id][row.id] = row.prefect_state
    asked = [_refresh(parts, project_id, waiting) for project_id, waiting in by_project.items()]
    return any(await asyncio.gather(*asked))


async def _in_projects(parts: Parts, rows: Sequence[RunRow]) -> Sequence[RunRow]:
    """Those that the Prefect of their project knows."""
    if not rows:
        return rows
    async with parts.database.reader() as session:
        elsewhere = await prefect_access.runs_elsewhere(
            session, parts, [row.id for row in rows if row.attempts]
        )
    return [row for row in rows if row.id not in elsewhere]


async def _refresh(parts: Parts, project_id: str, waiting: dict[str, str | None]) -> bool:
    """`refresh` for runs of one project, by id, with the state that they were last seen in."""
    try:
        async with asyncio.timeout(LONGEST_SECONDS):
            states = await (await orchestrators.of(parts, project_id)).read_runs(list(waiting))
    except (TimeoutError, OrchestratorUnavailable):
        return False
    found = {run_id: states.get(run_id) or deleted(run_id) for run_id in waiting}
    news = {run_id: state for run_id, state in found.items() if state.state_name != waiting[run_id]}
    async with parts.database.session() as session:
        for run_id, state in news.items():
            row = await session.get(RunRow, run_id, with_for_update=True, populate_existing=True)
            if row is not None and not is_over(row) and await nothing_open(session, run_id):
                row.prefect_state = state.state_name
                conclude(row, state, parts.clock.now())
                await notifications.concluded(session, row, parts.clock.now())
    return bool(news)


def deleted(run_id: str) -> FlowRunState:
    """What stands for the state of a run that Prefect does not know any more."""
    message = "The flow run was deleted in Prefect, so it never starts."
    return FlowRunState(run_id, "", "CANCELLED", DELETED, message, None, None)


def _waits(row: RunRow) -> bool:
    return row.status is None or row.status in FINAL


async def nothing_open(session: AsyncSession, run_id: str) -> bool:
    """Whether no attempt goes on, or is still to be settled."""
    found = await session.scalar(
        select(AttemptRow.id)
        .join(WorkloadRow, WorkloadRow.id == AttemptRow.workload_id)
        .where(
            AttemptRow.run_id == run_id, or_(WorkloadRow.ended_at.is_(None), AttemptRow.settled_at.is_(None))
        )
        .limit(1)
    )
    return found is None


def conclude(row: RunRow, state: FlowRunState, at: datetime) -> None:
    """The end of a run, where Prefect's state is one."""
    status = settlement.FINAL_STATES.get(state.state_type.upper())
    if status is not None:
        row.status, row.ended_at, row.reason = status.value, at, state.message
