"""Admission: who of the waiting gets room, in order of priority and then of age.

One transaction decides for all replicas: it holds the installation's row, so two controllers never
promise the same memory twice. The first that does not fit waits, and nobody overtakes it.
"""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from prefect_platform.server.db.tables import InstallationRow, WorkloadRow
from prefect_platform.server.services import capacity, ends, workloads
from prefect_platform.server.services.capacity import Room
from prefect_platform.server.services.parts import Parts
from prefect_platform.wire.runs import Status, Target

PLATFORM = "platform"
"""The actor of the controller's own moves."""
BATCH = 100
GIB = 1 << 30


async def admit(parts: Parts) -> list[WorkloadRow]:
    """Move the waiting that fit to PROVISIONING, and give them. What can never fit is ended."""
    async with parts.database.reader() as session:
        if not await capacity.queued(session):
            return []
    admitted: list[WorkloadRow] = []
    touched: set[str] = set()
    async with parts.database.session() as session:
        await session.execute(select(InstallationRow.id).with_for_update())
        total = capacity.whole(parts.machine, parts.config.runs)
        used = await capacity.promised(session)
        free = total.without(used.cores, used.memory_bytes)
        for row in await _waiting(session):
            at = parts.clock.now()
            if parts.machine.bounded and (reason := too_large(row, total)):
                await ends.crash(session, row, reason, PLATFORM, at)
            elif not parts.machine.bounded or free.holds(row):
                await workloads.move(session, row, Status.PROVISIONING, PLATFORM, None, at)
                free = free.without(row.cores, row.memory_bytes)
                admitted.append(row)
            else:
                break
            touched.add(row.project_id)
    for project_id in touched:
        workloads.tell(parts, project_id)
    return admitted


async def _waiting(session: AsyncSession) -> list[WorkloadRow]:
    found = await session.scalars(
        select(WorkloadRow)
        .where(WorkloadRow.status == Status.QUEUED.value, WorkloadRow.target == Target.RUNNING.value)
        .order_by(WorkloadRow.priority.desc(), WorkloadRow.created_at, WorkloadRow.id)
        .limit(BATCH)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return list(found)


def too_large(row: WorkloadRow, total: Room) -> str | None:
    """Why this can never run here, if it cannot."""
    if row.memory_bytes > total.memory_bytes:
        return (
            f"It declares {row.memory_bytes / GIB:.1f} GiB of memory, but all of this platform has "
            f"{total.memory_bytes / GIB:.1f} GiB: it can never start here. Register the flow with less "
            "memory, or on a larger platform."
        )
    if row.cores > total.cores:
        return (
            f"It declares {row.cores:g} cores, but all of this platform promises {total.cores:g}: it can "
            "never start here. Register the flow with fewer cores, or on a larger platform."
        )
    return None
