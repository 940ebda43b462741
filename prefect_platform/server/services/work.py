"""What agents have to act on. Computed from rows each time, so nothing is lost with an agent.

Any agent of a project may settle what another one of it started, if its Prefect has the run: no other knows
of it. `prefect_access.Sharing` says which that is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from prefect_platform.server.db.tables import AttemptRow, WorkloadRow
from prefect_platform.server.services import prefect_access, workload_views, workloads
from prefect_platform.server.services.attempts import BY_PREFECT
from prefect_platform.server.services.callers import Caller
from prefect_platform.server.services.parts import Parts, work_key
from prefect_platform.wire.runs import Attempt, Work

MAX_WAIT_SECONDS = 30.0
RECHECK_SECONDS = 2.0
"""What another replica wrote is seen after this long: it cannot wake this one."""
MAX_UNSETTLED = 200
"""Oldest first; the rest follow when these are settled."""


class _Entry(NamedTuple):
    attempt: AttemptRow
    status: str
    ended: bool
    """Nothing of it runs any more, as far as anybody can tell: Prefect's word is wanted now."""
    cancelled_by: str | None


async def work(parts: Parts, caller: Caller, after: str | None, wait: float) -> Work:
    """What there is to do, at once if it is not what `after` names, else when it changes or after `wait`."""
    project_id = str(caller.project_id)
    deadline = parts.clock.uptime() + min(max(wait, 0.0), MAX_WAIT_SECONDS)
    with parts.wakeups.listen(work_key(project_id)) as listener:
        while True:
            async with parts.database.reader() as session:
                entries = await _entries(session, parts, project_id, caller.subject_id)
                cursor = _cursor(entries)
                left = deadline - parts.clock.uptime()
                if cursor != after or left <= 0:
                    return await _answer(session, entries, cursor)
            await listener.wait(min(left, RECHECK_SECONDS))


async def _entries(
    session: AsyncSession, parts: Parts, project_id: str, agent_id: str | None
) -> list[_Entry]:
    """What is not settled and this agent may end."""
    sharing = await prefect_access.sharing(session, parts, project_id)
    found = await session.execute(
        select(AttemptRow, WorkloadRow)
        .join(WorkloadRow, WorkloadRow.id == AttemptRow.workload_id)
        .where(AttemptRow.project_id == project_id, AttemptRow.settled_at.is_(None))
        .order_by(AttemptRow.id)
    )
    return [
        _Entry(attempt, row.status, _is_over(row), row.cancel_requested_by)
        for attempt, row in found
        if sharing.gives(agent_id, attempt)
    ]


def _is_over(row: WorkloadRow) -> bool:
    """Ended, and the infrastructure has said its word on why: that word goes to Prefect."""
    if row.ended_at is None:
        return False
    return workloads.is_final(row) or workloads.noted(row, workloads.GONE) is not None


def _cursor(entries: Sequence[_Entry]) -> str:
    text = "\n".join(f"{e.attempt.id} {e.status} {e.ended} {e.cancelled_by or ''}" for e in entries)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


async def _answer(session: AsyncSession, entries: Sequence[_Entry], cursor: str) -> Work:
    ended = [e for e in entries if e.ended][:MAX_UNSETTLED]
    running = [e for e in entries if not e.ended]
    views = await workload_views.attempts(session, [e.attempt for e in [*ended, *running]])
    by_id: dict[str, Attempt] = {view.id: view for view in views}
    return Work(
        cursor=cursor,
        unsettled=[by_id[e.attempt.id] for e in ended],
        open=[by_id[e.attempt.id] for e in running],
        cancel=[by_id[e.attempt.id] for e in running if e.cancelled_by not in (None, BY_PREFECT)],
    )
