"""Workloads: their rows, their moves and what launchers ask of them all the time.

`status` changes only in `move`, which checks the legal moves, writes the transition beside it and
keeps the run's row in step. Whoever writes a row reads it with `locked` first.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from prefect_platform.errors import Conflict, NotFound
from prefect_platform.server.db.tables import (
    AttemptRow,
    ClusterRow,
    FlowVersionRow,
    RunRow,
    TransitionRow,
    WorkloadRow,
)
from prefect_platform.server.services import projects, workload_tokens
from prefect_platform.server.services.callers import Caller
from prefect_platform.server.services.parts import WORKLOADS, Parts, work_key
from prefect_platform.wire.runs import FINAL, MOVES, Status, Step, Target
from prefect_platform.wire.tokens import TokenKind

PLACED, STOP_ASKED, GONE, COMPLETE = "placed", "stop-asked", "processes-gone", "logs-complete"
"""Steps that the controller notes: the infrastructure has it; it was asked to end; nothing of it
runs any more; every byte that can be had is in the log store."""

SEEN_SECONDS = 5.0
"""How often a launcher's sign of life is written down at most."""


async def locked(session: AsyncSession, workload_id: str) -> WorkloadRow | None:
    """A row to write: nobody else writes it until this transaction ends."""
    return await session.get(WorkloadRow, workload_id, with_for_update=True, populate_existing=True)


async def own(session: AsyncSession, caller: Caller, workload_id: str, *, write: bool = False) -> WorkloadRow:
    """The workload, if it is the caller's to see.

    Raises:
        NotFound: there is none, it belongs to another project, or a launcher asks for another's.
    """
    absent = f"There is no workload {workload_id!r}, or it is not yours to see."
    row = await (locked(session, workload_id) if write else session.get(WorkloadRow, workload_id))
    if row is None:
        raise NotFound(absent)
    if caller.kind in (TokenKind.WORKLOAD, TokenKind.USER_CODE) and caller.subject_id != workload_id:
        raise NotFound(absent)
    await projects.reachable(session, caller, row.project_id)
    return row


async def move(
    session: AsyncSession, row: WorkloadRow, status: Status, actor: str, reason: str | None, at: datetime
) -> bool:
    """Move a locked row, with its transition and its run. False for a repeat, which changes nothing.

    Raises:
        Conflict: this move is not legal and was never made before.
    """
    current = Status(row.status)
    if status is current:
        return False
    if status not in MOVES[current]:
        if await _was(session, row.id, status):
            return False
        raise Conflict(
            f"Workload {row.id} is {current.value} and cannot become {status.value}.", status=current.value
        )
    row.status = status.value
    _note_room(row, status, at)
    session.add(TransitionRow(workload_id=row.id, status=status.value, at=at, actor=actor, reason=reason))
    if status in FINAL:
        row.ended_at = row.ended_at or at
        await workload_tokens.revoke(session, row.id, TokenKind.USER_CODE, at)
        if row.resource_id is not None:
            await workload_tokens.revoke(session, row.id, TokenKind.USER, at)
    await _mirror(session, row, status, reason, at)
    await session.flush()
    return True


def _note_room(row: WorkloadRow, status: Status, at: datetime) -> None:
    """Room is held, and paid for, from PROVISIONING on; a start that found none after all held none."""
    if status is Status.PROVISIONING:
        row.admitted_at = at
    elif status is Status.QUEUED:
        row.admitted_at = None


async def _was(session: AsyncSession, workload_id: str, status: Status) -> bool:
    found = await session.scalar(
        select(TransitionRow.id)
        .where(TransitionRow.workload_id == workload_id, TransitionRow.status == status.value)
        .limit(1)
    )
    return found is not None


async def _mirror(
    session: AsyncSession, row: WorkloadRow, status: Status, reason: str | None, at: datetime
) -> None:
    """Keep attempt and run in step. Only the last attempt speaks for its run."""
    attempt = await attempt_of(session, row.id)
    if attempt is None:
        return
    if status in FINAL:
        attempt.reason = reason
    run = await session.get(RunRow, attempt.run_id, with_for_update=True, populate_existing=True)
    if run is None or run.attempts != attempt.number:
        return
    run.status = status.value
    if status is Status.RUNNING:
        run.started_at = run.started_at or at
        run.prefect_state = "Running"
    if status in FINAL:
        run.reason = reason
        run.ended_at = row.ended_at


async def attempt_of(session: AsyncSession, workload_id: str) -> AttemptRow | None:
    """The attempt that owns this workload."""
    found: AttemptRow | None = await session.scalar(
        select(AttemptRow).where(AttemptRow.workload_id == workload_id)
    )
    return found


async def version_of(session: AsyncSession, workload_id: str) -> FlowVersionRow | None:
    """The flow version that a workload runs: the only one its launcher may fetch. That of a member of a
    run's Dask cluster is the run's."""
    owner = (
        select(ClusterRow.owner_workload_id)
        .join(WorkloadRow, WorkloadRow.cluster_id == ClusterRow.id)
        .where(WorkloadRow.id == workload_id, ClusterRow.python.is_(None))
    )
    found: FlowVersionRow | None = await session.scalar(
        select(FlowVersionRow)
        .join(AttemptRow, AttemptRow.version_id == FlowVersionRow.id)
        .where(or_(AttemptRow.workload_id == workload_id, AttemptRow.workload_id.in_(owner)))
    )
    return found


def ask_to_stop(row: WorkloadRow, by: str, reason: str) -> bool:
    """Want a locked row ended. False if that was wanted already, or it has ended."""
    if row.ended_at is not None or row.target == Target.STOPPED:
        return False
    row.target = Target.STOPPED.value
    row.cancel_requested_by = by
    row.cancel_reason = reason
    return True


async def seen(parts: Parts, workload_id: str) -> None:
    """A sign of life of the launcher. Written at most every `SEEN_SECONDS`."""
    now = parts.clock.now()
    async with parts.database.reader() as session:
        last = await session.scalar(select(WorkloadRow.last_seen_at).where(WorkloadRow.id == workload_id))
    if last is not None and abs(now - last) < timedelta(seconds=SEEN_SECONDS):
        return
    async with parts.database.session() as session:
        row = await locked(session, workload_id)
        if row is not None:
            row.last_seen_at = now


def tell(parts: Parts, project_id: str) -> None:
    """Wake the controller and the agents of a project. After the commit, or they look too early."""
    parts.wakeups.notify(WORKLOADS)
    parts.wakeups.notify(work_key(project_id))


def is_program(row: WorkloadRow) -> bool:
    """Whether it runs something that is no flow: a start of a resource, or a member of a Dask cluster."""
    return row.resource_id is not None or row.cluster_id is not None


def programs() -> ColumnElement[bool]:
    """The same, as a condition."""
    return or_(WorkloadRow.resource_id.is_not(None), WorkloadRow.cluster_id.is_not(None))


def is_final(row: WorkloadRow) -> bool:
    return Status(row.status) in FINAL


def note(row: WorkloadRow, name: str, at: datetime, detail: str | None = None) -> None:
    """Add a step to a locked row."""
    step = Step(name=name, at=at, detail=detail)
    row.steps = [*row.steps, step.model_dump(mode="json")]


def noted(row: WorkloadRow, name: str) -> datetime | None:
    """When a step was noted last, if it was."""
    found = [step["at"] for step in row.steps if step["name"] == name]
    return datetime.fromisoformat(found[-1]) if found else None
