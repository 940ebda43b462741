"""Workloads and attempts as the wire shows them, many at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from prefect_platform.server.db.tables import AttemptRow, TransitionRow, WorkloadRow
from prefect_platform.server.services import projects
from prefect_platform.wire.promises import Promise
from prefect_platform.wire.runs import (
    Attempt,
    EndReport,
    Status,
    Step,
    Target,
    Transition,
    Workload,
    WorkloadKind,
)
from prefect_platform.wire.sizes import GpuRequest


async def workload(session: AsyncSession, row: WorkloadRow) -> Workload:
    return (await workloads(session, [row]))[row.id]


async def workloads(session: AsyncSession, rows: Sequence[WorkloadRow]) -> dict[str, Workload]:
    """Workloads by id, each with its whole timeline."""
    moves: dict[str, list[Transition]] = defaultdict(list)
    found = await session.scalars(
        select(TransitionRow)
        .where(TransitionRow.workload_id.in_([row.id for row in rows]))
        .order_by(TransitionRow.id)
    )
    for move in found:
        moves[move.workload_id].append(
            Transition(status=Status(move.status), at=move.at, actor=move.actor, reason=move.reason)
        )
    names = await projects.names(session, {row.project_id for row in rows})
    return {row.id: _workload(row, names[row.project_id], moves[row.id]) for row in rows}


def _workload(row: WorkloadRow, project: str, transitions: list[Transition]) -> Workload:
    return Workload(
        id=row.id,
        kind=WorkloadKind(row.kind),
        project=project,
        target=Target(row.target),
        status=Status(row.status),
        cores=row.cores,
        memory_bytes=row.memory_bytes,
        size=row.size,
        gpu=None if row.gpu is None else GpuRequest.model_validate(row.gpu),
        gpus=row.gpus or [],
        created_at=row.created_at,
        ended_at=row.ended_at,
        steps=[Step.model_validate(step) for step in row.steps],
        promises=None if row.promises is None else [Promise.model_validate(one) for one in row.promises],
        transitions=transitions,
        end=None if row.end is None else EndReport.model_validate(row.end),
        cancel_requested_by=row.cancel_requested_by,
    )


async def attempt(session: AsyncSession, row: AttemptRow) -> Attempt:
    return (await attempts(session, [row]))[0]


async def attempts(session: AsyncSession, rows: Sequence[AttemptRow]) -> list[Attempt]:
    """Attempts in the order given, each with its workload."""
    found = await session.scalars(
        select(WorkloadRow).where(WorkloadRow.id.in_([row.workload_id for row in rows]))
    )
    views = await workloads(session, list(found))
    return [_attempt(row, views[row.workload_id]) for row in rows]


def _attempt(row: AttemptRow, view: Workload) -> Attempt:
    reason = row.reason if row.reason is not None or view.end is None else view.end.reason
    return Attempt(
        id=row.id,
        number=row.number,
        flow_run_id=row.run_id,
        pending_state_id=row.pending_state_id,
        agent_id=row.agent_id,
        status=view.status,
        reason=reason,
        settled_at=row.settled_at,
        workload=view,
    )
