"""Runs as the wire shows them, many at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import and_, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from prefect_platform.server.db.tables import (
    AttemptRow,
    ClusterRow,
    FlowRow,
    FlowVersionRow,
    ProjectRow,
    RunRow,
    TransitionRow,
    WorkloadRow,
)
from prefect_platform.server.services import (
    cluster_rows,
    cluster_views,
    prefect_access,
    projects,
    run_facts,
    workload_views,
)
from prefect_platform.server.services.parts import Parts
from prefect_platform.wire.runs import Run, RunDetail, Status


class _Queue(NamedTuple):
    """When the last attempt began to wait, and when it had its place."""

    since: datetime
    until: datetime | None


async def runs(session: AsyncSession, parts: Parts, rows: Sequence[RunRow]) -> list[Run]:
    """Runs in the order given."""
    return [Run(**fields) for fields in await _fields(session, parts, rows)]


async def detail(session: AsyncSession, parts: Parts, row: RunRow) -> RunDetail:
    """One run with all its attempts and their Dask clusters, oldest first."""
    found = await session.scalars(
        select(AttemptRow).where(AttemptRow.run_id == row.id).order_by(AttemptRow.number)
    )
    attempts = list(found)
    project = await session.get_one(ProjectRow, row.project_id)
    owned = cluster_rows.owned_by([one.workload_id for one in attempts]).order_by(ClusterRow.id)
    rows = (await session.scalars(owned)).all()
    return RunDetail(
        **(await _fields(session, parts, [row]))[0],
        attempt_list=await workload_views.attempts(session, attempts),
        clusters=await cluster_views.clusters(session, parts, project, rows, ended=True) if rows else [],
    )


async def _fields(session: AsyncSession, parts: Parts, rows: Sequence[RunRow]) -> list[dict[str, Any]]:
    names = await projects.names(session, {row.project_id for row in rows})
    pages = await prefect_access.pages(session, parts, rows)
    flows = await _by_id(session, FlowRow.id, FlowRow.name, {row.flow_id for row in rows})
    numbers = await _by_id(
        session, FlowVersionRow.id, FlowVersionRow.number, {row.version_id for row in rows}
    )
    queues = await _queues(session, [row.id for row in rows])
    now = parts.clock.now()
    facts = await run_facts.of(session, [row.id for row in rows], now)
    return [
        {
            "id": row.id,
            "name": row.name,
            "project": names[row.project_id],
            "flow_id": row.flow_id,
            "flow_name": flows[row.flow_id],
            "deployment_name": row.deployment_name,
            "version_id": row.version_id,
            "version_number": numbers[row.version_id],
            "status": row.status,
            "prefect_state": row.prefect_state,
            "reason": row.reason,
            "attempts": row.attempts,
            "created_at": row.created_at,
            "started_at": row.started_at,
            "ended_at": row.ended_at,
            "queued_seconds": _seconds(queues.get(row.id), now),
            "url": f"{pages[row.id]}/runs/flow-run/{row.id}",
            "started_by": row.started_by,
            **asdict(facts.get(row.id) or run_facts.RunFacts()),
        }
        for row in rows
    ]


async def _by_id(session: AsyncSession, key: Any, value: Any, ids: set[str]) -> dict[str, Any]:
    found = await session.execute(select(key, value).where(key.in_(ids)))
    return {row[0]: row[1] for row in found}


async def _queues(session: AsyncSession, run_ids: Sequence[str]) -> dict[str, _Queue]:
    """How long the last attempt of each run waited for its place."""
    placed = and_(
        TransitionRow.workload_id == WorkloadRow.id, TransitionRow.status == Status.PROVISIONING.value
    )
    found = await session.execute(
        select(
            RunRow.id,
            WorkloadRow.created_at,
            WorkloadRow.ended_at,
            func.max(TransitionRow.at, type_=TransitionRow.at.type),
        )
        .join(AttemptRow, and_(AttemptRow.run_id == RunRow.id, AttemptRow.number == RunRow.attempts))
        .join(WorkloadRow, WorkloadRow.id == AttemptRow.workload_id)
        .outerjoin(TransitionRow, placed)
        .where(RunRow.id.in_(run_ids))
        .group_by(RunRow.id, WorkloadRow.created_at, WorkloadRow.ended_at)
    )
    return {run_id: _Queue(created, at or ended) for run_id, created, ended, at in found}


def _seconds(queue: _Queue | None, now: datetime) -> float | None:
    if queue is None:
        return None
    return max(0.0, ((queue.until or now) - queue.since).total_seconds())


def is_over(row: RunRow) -> bool:
    """Whether nothing more can come of this run unless Prefect retries it."""
    return row.ended_at is not None
