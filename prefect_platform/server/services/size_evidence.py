"""What starts of a project have needed of their sizes: by what somebody who chooses one can judge it.

Read from ends alone, in one statement over the newest of them: it stays as cheap in a project of a million
runs, and what was needed last year says nothing of today.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import Select, func, select

from prefect_platform.server.db.tables import WorkloadRow
from prefect_platform.server.services import projects
from prefect_platform.server.services.callers import Caller
from prefect_platform.server.services.parts import Parts
from prefect_platform.server.services.run_facts import PEAK
from prefect_platform.wire.runs import WorkloadKind
from prefect_platform.wire.sizes import SizeEvidence

LOOKED_BACK = timedelta(days=30)
LOOKED_AT = 200
"""Starts, the last that ended."""


async def listing(
    parts: Parts, caller: Caller, project_name: str, kind: WorkloadKind, resource: str | None
) -> list[SizeEvidence]:
    """The peak by size over the last starts of a kind, or of one resource alone; no size without a start.

    Raises:
        NotFound: no such project, or the caller is no member.
    """
    async with parts.database.reader() as session:
        project = await projects.member(session, caller, project_name)
        since = parts.clock.now() - LOOKED_BACK
        last = (
            select(WorkloadRow.size, PEAK.label("peak"))
            .where(WorkloadRow.project_id == project.id, WorkloadRow.kind == kind.value)
            .where(WorkloadRow.ended_at >= since)
            .order_by(WorkloadRow.ended_at.desc())
            .limit(LOOKED_AT)
        )
        if resource is not None:
            last = last.where(WorkloadRow.resource_id == resource)
        found = await session.execute(_by_size(last))
    return [SizeEvidence(size=size, starts=starts, peak_memory_bytes=peak) for size, starts, peak in found]


def _by_size(last: Select[Any]) -> Select[Any]:
    ended = last.subquery()
    return (
        select(ended.c.size, func.count(), func.max(ended.c.peak))
        .where(ended.c.peak.is_not(None))
        .group_by(ended.c.size)
        .order_by(ended.c.size)
    )
