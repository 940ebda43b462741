"""Room: what is promised to workloads, and how many attempts could start now.

Memory is hard. Cores are soft: a number of times the real ones may be promised, and a child of a
run that waits for it does not ask for cores at all, or a laptop full of parents would stand still.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from prefect_platform.server.config import RunSettings
from prefect_platform.server.db.tables import WorkloadRow
from prefect_platform.server.services.machine import Machine
from prefect_platform.server.services.parts import Parts
from prefect_platform.wire.runs import Capacity, Status, Target

UNBOUNDED_SLOTS = 1000
"""Where the infrastructure queues by itself, an agent still takes no more than this at once."""

HOLDING = (Status.PROVISIONING.value, Status.STARTING.value, Status.RUNNING.value)


@dataclass(frozen=True)
class Room:
    """Cores, counted as often as they may be promised, and bytes of memory."""

    cores: float
    memory_bytes: int

    def without(self, cores: float, memory_bytes: int) -> Room:
        return Room(self.cores - cores, self.memory_bytes - memory_bytes)

    def holds(self, row: WorkloadRow) -> bool:
        enough_cores = row.priority > 0 or row.cores <= self.cores
        return enough_cores and row.memory_bytes <= self.memory_bytes


def whole(machine: Machine, settings: RunSettings) -> Room:
    """All that may be promised at once."""
    return Room(machine.cores * settings.core_overcommit, machine.memory_bytes)


async def promised(session: AsyncSession) -> Room:
    """What the workloads hold that have room and have not ended."""
    cores, memory = (
        await session.execute(
            select(
                func.coalesce(func.sum(WorkloadRow.cores), 0.0),
                func.coalesce(func.sum(WorkloadRow.memory_bytes), 0),
            ).where(WorkloadRow.status.in_(HOLDING), WorkloadRow.ended_at.is_(None))
        )
    ).one()
    return Room(float(cores), int(memory))


async def queued(session: AsyncSession) -> int:
    found = await session.scalar(
        select(func.count()).where(
            WorkloadRow.status == Status.QUEUED.value, WorkloadRow.target == Target.RUNNING.value
        )
    )
    return found or 0


async def show(parts: Parts) -> Capacity:
    """Room for attempts now; none while the platform is being stopped or has not looked yet."""
    async with parts.database.reader() as session:
        used, waiting = await promised(session), await queued(session)
    total = whole(parts.machine, parts.config.runs)
    free = total.without(used.cores, used.memory_bytes)
    return Capacity(
        slots=_slots(parts.machine, parts.config.runs, free, waiting),
        child_slots=_child_slots(parts.machine, parts.config.runs, free, waiting),
        free_cores=max(0.0, free.cores),
        free_memory_bytes=max(0, free.memory_bytes),
        total_cores=total.cores,
        total_memory_bytes=total.memory_bytes,
        queued=waiting,
    )


def _slots(machine: Machine, settings: RunSettings, free: Room, waiting: int) -> int:
    if not machine.known or machine.draining:
        return 0
    if not machine.bounded:
        return UNBOUNDED_SLOTS
    fitting = int(min(free.cores / settings.default_cores, free.memory_bytes / settings.default_memory_bytes))
    return max(0, fitting - waiting)


def _child_slots(machine: Machine, settings: RunSettings, free: Room, waiting: int) -> int:
    """A child does not ask for cores: its parent, which waits for it, would never give them up."""
    return _slots(machine, settings, Room(math.inf, free.memory_bytes), waiting)
