"""The end of a workload, told by its launcher or found by the controller, and what it settles.

The end of the processes and the final status are two facts: where Prefect's word is missing, the
attempt stays ended but unsettled until an agent has read the flow run.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from prefect_platform.server.db.tables import (
    AttemptRow,
    FlowVersionRow,
    ResourceRow,
    RunRow,
    WorkloadRow,
)
from prefect_platform.server.services import (
    cluster_owners,
    endings,
    notifications,
    settlement,
    workloads,
)
from prefect_platform.server.services.endings import Ending
from prefect_platform.wire.flows import VersionSettings
from prefect_platform.wire.runs import EndReport, ResultReport, Status, Target


async def end(
    session: AsyncSession, row: WorkloadRow, report: ResultReport, actor: str, at: datetime
) -> bool:
    """Record the end of a locked row, and settle what the receipt settles. False for a repeat."""
    if row.ended_at is not None:
        return False
    row.ended_at = at
    ending = await _ending(session, row, report)
    program = workloads.is_program(row)
    words = endings.MEMBER if row.cluster_id else endings.PROGRAM
    reason = endings.of_program(ending, words) if program else await _sentence(session, row, ending)
    row.end = EndReport(
        exit_code=report.exit_code,
        signal=report.signal,
        receipt=report.receipt,
        peak_memory_bytes=report.peak_memory_bytes,
        reason=reason,
    ).model_dump(mode="json")
    cancelled = row.cancel_requested_by is not None
    if program:
        ended = settlement.from_exit(report.exit_code, cancelled=cancelled)
        await workloads.move(session, row, ended, actor, reason, at)
        return True
    status = settlement.from_receipt(report.receipt, cancelled=cancelled)
    attempt = await workloads.attempt_of(session, row.id)
    if status is not None and attempt is not None:
        state = report.receipt_state_name or (report.receipt or "").capitalize()
        await settle(session, row, attempt, status, report.receipt or "", state, reason, actor, at)
    await session.flush()
    return True


async def _sentence(session: AsyncSession, row: WorkloadRow, ending: Ending) -> str | None:
    """Why a run ended, with what went wrong in its Dask cluster, if anything did."""
    found = endings.sentence(ending)
    if found is None or ending.cancelled_by is not None or cluster_owners.lost(row) is not None:
        return found
    story = await cluster_owners.story(session, row.id)
    return found if story is None else f"{found} {story}"


async def crash(session: AsyncSession, row: WorkloadRow, reason: str, actor: str, at: datetime) -> None:
    """End a locked row as crashed on the platform's own word: it never ran, or nobody hears of it.

    Prefect does not know yet: the attempt stays in the agents' outbox.
    """
    row.target = Target.STOPPED.value
    row.ended_at = row.ended_at or at
    if row.end is None:
        row.end = EndReport(
            exit_code=None, signal=None, receipt=None, peak_memory_bytes=None, reason=reason
        ).model_dump(mode="json")
    await workloads.move(session, row, Status.CRASHED, actor, reason, at)
    await notifications.ended(session, row, at)


async def settle(
    session: AsyncSession,
    row: WorkloadRow,
    attempt: AttemptRow,
    status: Status,
    state_type: str,
    state_name: str,
    reason: str | None,
    actor: str,
    at: datetime,
) -> None:
    """Prefect's word on an ended attempt: its final status, unless it has one, and the run's state."""
    suspended = settlement.suspends(state_type) and status is Status.SUCCEEDED
    if status is Status.SUCCEEDED and not suspended:
        reason = None
    if not workloads.is_final(row):
        await workloads.move(session, row, status, actor, reason, at)
    attempt.settled_at = at
    run = await session.get(RunRow, attempt.run_id, with_for_update=True, populate_existing=True)
    if run is None or run.attempts != attempt.number:
        return
    run.prefect_state = state_name
    if suspended:
        run.ended_at = None
    await notifications.ended(session, row, at)


async def _ending(session: AsyncSession, row: WorkloadRow, report: ResultReport) -> Ending:
    version: FlowVersionRow | None = await workloads.version_of(session, row.id)
    settings = VersionSettings.model_validate(version.settings) if version is not None else None
    return Ending(
        exit_code=report.exit_code,
        signal=report.signal,
        receipt=report.receipt,
        reason=cluster_owners.lost(row) or report.reason,
        last_lines=report.last_lines,
        ran=row.status == Status.RUNNING,
        interpreter=settings.python.executable if settings is not None else "the interpreter",
        memory_bytes=row.memory_bytes,
        peak_memory_bytes=report.peak_memory_bytes,
        cancelled_by=row.cancel_requested_by,
        cancel_reason=row.cancel_reason,
        grace_seconds=row.grace_seconds,
    )


async def drop(session: AsyncSession, row: WorkloadRow, actor: str, at: datetime) -> None:
    """End a locked row that was cancelled before anything of it was started."""
    reason = endings.sentence(
        Ending(cancelled_by=row.cancel_requested_by or actor, cancel_reason=row.cancel_reason)
    )
    await workloads.move(session, row, Status.CANCELLED, actor, reason, at)
    await notifications.ended(session, row, at)


async def explain(session: AsyncSession, row: WorkloadRow, reason: str) -> None:
    """The infrastructure knows better why a locked row ended, and Prefect has not heard yet."""
    if workloads.is_program(row):
        await _explain_start(session, row, reason)
        return
    attempt = await workloads.attempt_of(session, row.id)
    settled = attempt is None or attempt.settled_at is not None or workloads.is_final(row)
    if settled or row.end is None or row.cancel_requested_by is not None:
        return
    row.end = {**row.end, "reason": reason}


async def _explain_start(session: AsyncSession, row: WorkloadRow, reason: str) -> None:
    """The same for the start of a resource, which shows the reason until it is started again."""
    if row.end is None or row.cancel_requested_by is not None:
        return
    before = row.end.get("reason")
    row.end = {**row.end, "reason": reason}
    resource = await session.get(ResourceRow, row.resource_id, with_for_update=True, populate_existing=True)
    if resource is not None and resource.workload_id == row.id and resource.reason == before:
        resource.reason = reason
