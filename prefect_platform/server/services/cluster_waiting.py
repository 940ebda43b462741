"""Why members of clusters wait for room, in words."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from prefect_platform.server.db.tables import WorkloadRow
from prefect_platform.server.services import capacity, sizes
from prefect_platform.server.services.capacity import Room
from prefect_platform.server.services.machine import Machine
from prefect_platform.server.services.parts import Parts
from prefect_platform.server.services.sizes import Needs
from prefect_platform.wire.quantities import shown_bytes
from prefect_platform.wire.runs import Status
from prefect_platform.wire.sizes import GpuRequest


async def reasons(session: AsyncSession, parts: Parts, rows: Sequence[WorkloadRow]) -> dict[str, str]:
    """What each of these that waits is waiting for, by id."""
    queued = [row for row in rows if row.status == Status.QUEUED and row.ended_at is None]
    if not queued or not parts.machine.bounded:
        return {}
    used = await capacity.promised(session)
    total = capacity.whole(parts.machine, parts.config.runs)
    free = total.without(used.cores, used.memory_bytes, used.gpus)
    return {row.id: _reason(row, total, free, parts.machine) for row in queued}


def _reason(row: WorkloadRow, total: Room, free: Room, machine: Machine) -> str:
    if why := never(row, machine):
        return f"It waits for a larger machine: {why}."
    if row.memory_bytes > free.memory_bytes:
        return (
            f"It waits for memory: it needs {shown_bytes(row.memory_bytes)}, and "
            f"{shown_bytes(max(0, free.memory_bytes))} of {shown_bytes(total.memory_bytes)} are free."
        )
    if row.gpu is not None and free.devices(row) is None:
        return "It waits for GPUs that others hold."
    return "It starts with its run." if row.flow_id is not None else "It waits for its turn."


def never(row: WorkloadRow, machine: Machine) -> str | None:
    """Why this machine can never give a member so much, if it cannot. Without a size, cores are soft."""
    gpu = GpuRequest.model_validate(row.gpu) if row.gpu is not None and machine.gpus_known else None
    return sizes.misfit(machine, Needs(row.cores if row.size else 0.0, row.memory_bytes, gpu))
