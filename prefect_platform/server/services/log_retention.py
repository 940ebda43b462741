"""Logs whose time is over. First it is written down what a log was, and from then on nobody reads it; then
its bytes go; then that they are gone is noted. Whatever ends in between, the next sweep goes on."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import or_, select, update

from prefect_platform.server.db.tables import AttemptRow, RunRow, WorkloadRow
from prefect_platform.server.services import logs, retention, workloads
from prefect_platform.server.services.parts import Parts

_log = logging.getLogger(__name__)


async def remove(parts: Parts) -> int:
    """Remove the logs of runs, of resources' starts and of members of clusters that ended long ago; of how
    many workloads."""
    before = retention.cutoffs(parts.config.retention, parts.clock.now()).logs
    if before is None:
        return 0
    count, after = 0, ""
    while ids := await _due(parts, before, after):
        await _write_down(parts, ids)
        count += await _free(parts, ids)
        after = ids[-1]
    return count


async def _due(parts: Parts, before: datetime, after: str) -> Sequence[str]:
    of_run = (RunRow.ended_at < before) & AttemptRow.settled_at.is_not(None)
    of_program = workloads.programs() & (WorkloadRow.ended_at < before)
    found = (
        select(WorkloadRow.id)
        .outerjoin(AttemptRow, AttemptRow.workload_id == WorkloadRow.id)
        .outerjoin(RunRow, RunRow.id == AttemptRow.run_id)
        .where(
            or_(of_run, of_program),
            WorkloadRow.logs_freed_at.is_(None),
            WorkloadRow.removed_at.is_not(None),
            WorkloadRow.id > after,
        )
        .order_by(WorkloadRow.id)
        .limit(retention.BATCH)
    )
    async with parts.database.reader() as session:
        return (await session.scalars(found)).all()


async def _write_down(parts: Parts, workload_ids: Sequence[str]) -> None:
    """The first word stands: another replica may be removing the bytes already."""
    at = parts.clock.now()
    told = {workload_id: await logs.source_infos(parts, [workload_id]) for workload_id in workload_ids}
    async with parts.database.session() as session:
        for workload_id, infos in told.items():
            kept = [info.model_copy(update={"removed_at": at}).model_dump(mode="json") for info in infos]
            await session.execute(
                update(WorkloadRow)
                .where(WorkloadRow.id == workload_id, WorkloadRow.removed_logs.is_(None))
                .values(removed_logs=kept)
            )


async def _free(parts: Parts, workload_ids: Sequence[str]) -> int:
    freed = [workload_id for workload_id in workload_ids if await _delete(parts, workload_id)]
    async with parts.database.session() as session:
        await session.execute(
            update(WorkloadRow).where(WorkloadRow.id.in_(freed)).values(logs_freed_at=parts.clock.now())
        )
    return len(freed)


async def _delete(parts: Parts, workload_id: str) -> bool:
    """Whether the bytes are gone. One log that cannot be removed does not keep the others."""
    try:
        await parts.logs.delete(workload_id)
    except OSError:
        _log.exception("The log of workload %s cannot be removed; it is tried again in an hour", workload_id)
        return False
    return True
