"""Room: what is promised to workloads, and how many attempts could start now.

Memory is hard, and a GPU belongs to one workload at a time. Cores are soft: a number of times the real ones
may be promised, and a child of a run that waits for it does not ask for cores at all, or a laptop full of
parents would stand still.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from prefect_platform.server.config import RunSettings
from prefect_platform.server.db.tables import WorkloadRow
from prefect_platform.server.services.machine import Machine
from prefect_platform.server.services.parts import Parts
from prefect_platform.wire.gpus import choose
from prefect_platform.wire.runs import Capacity, Status, Target
from prefect_platform.wire.sizes import Gpu, GpuRequest

UNBOUNDED_SLOTS = 1000
"""Where the infrastructure queues by itself, an agent still takes no more than this at once."""

HOLDING = (Status.PROVISIONING.value, Status.STARTING.value, Status.RUNNING.value)


@dataclass(frozen=True)
class Room:
    """Cores, counted as often as they may be promised, bytes of memory, and devices that nobody holds."""

    cores: float
    memory_bytes: int
    gpus: Sequence[Gpu] = ()

    def without(self, cores: float, memory_bytes: int, held: Sequence[str] = ()) -> Room:
        """What is left when so much is promised. Memory and devices are hard, cores are soft."""
        left = tuple(gpu for gpu in self.gpus if gpu.uuid not in held)
        return Room(self.cores - cores, self.memory_bytes - memory_bytes, left)

    def holds(self, row: WorkloadRow) -> bool:
        enough_cores = row.priority > 0 or row.cores <= self.cores
        return enough_cores and row.memory_bytes <= self.memory_bytes

    def devices(self, row: WorkloadRow) -> list[str] | None:
        """UUIDs of the devices to give it; None where too many of those it asks for are held."""
        if row.gpu is None:
            return []
        chosen = choose(GpuRequest.model_validate(row.gpu), self.gpus)
        return None if chosen is None else [gpu.uuid for gpu in chosen]


def whole(machine: Machine, settings: RunSettings) -> Room:
    """All that may be promised at once."""
    return Room(machine.cores * settings.core_overcommit, machine.memory_bytes, machine.gpus)


@dataclass(frozen=True)
class Promised:
    """What the workloads hold that have room and have not ended."""

    cores: float
    memory_bytes: int
    gpus: Sequence[str] = field(default=())
    """UUIDs."""


async def promised(session: AsyncSession) -> Promised:
    cores, memory = (
        await session.execute(
            select(
                func.coalesce(func.sum(WorkloadRow.cores), 0.0),
                func.coalesce(func.sum(WorkloadRow.memory_bytes), 0),
            ).where(WorkloadRow.status.in_(HOLDING), WorkloadRow.ended_at.is_(None))
        )
    ).one()
    held = await session.scalars(
        select(WorkloadRow.gpus).where(
            WorkloadRow.status.in_(HOLDING), WorkloadRow.ended_at.is_(None), WorkloadRow.gpus.is_not(None)
        )
    )
    return Promised(float(cores), int(memory), [uuid for row in held for uuid in row or ()])


@dataclass(frozen=True)
class Queued:
    """How many wait for room."""

    count: int
    for_gpus: int
    """Those of them that ask for GPUs."""
    members: int = 0
    """Members of Dask clusters, which are counted apart: they take no slot of a run."""


async def queued(session: AsyncSession) -> Queued:
    waiting = (WorkloadRow.status == Status.QUEUED.value, WorkloadRow.target == Target.RUNNING.value)
    runs = WorkloadRow.cluster_id.is_(None)
    everybody, count, for_gpus = (
        await session.execute(
            select(
                func.count(),
                func.count().filter(runs),
                func.count(WorkloadRow.gpu).filter(runs),
            ).where(*waiting)
        )
    ).one()
    return Queued(count, for_gpus, everybody - count)


async def show(parts: Parts) -> Capacity:
    """Room for attempts now; none while the platform is being stopped or has not looked yet."""
    async with parts.database.reader() as session:
        used, waiting = await promised(session), await queued(session)
    total = whole(parts.machine, parts.config.runs)
    free = total.without(used.cores, used.memory_bytes, used.gpus)
    return Capacity(
        slots=_slots(parts.machine, parts.config.runs, free, waiting),
        child_slots=_child_slots(parts.machine, parts.config.runs, free, waiting),
        free_cores=max(0.0, free.cores),
        free_memory_bytes=max(0, free.memory_bytes),
        total_cores=total.cores,
        total_memory_bytes=total.memory_bytes,
        queued=waiting.count,
        gpus=list(total.gpus),
        free_gpus=[gpu.uuid for gpu in free.gpus],
    )


def _slots(machine: Machine, settings: RunSettings, free: Room, waiting: Queued) -> int:
    """Those who wait for GPUs, perhaps for days, never take the last slot from those who need none."""
    if not machine.known or machine.draining:
        return 0
    if not machine.bounded:
        return UNBOUNDED_SLOTS
    fitting = int(min(free.cores / settings.default_cores, free.memory_bytes / settings.default_memory_bytes))
    left = fitting - (waiting.count - waiting.for_gpus)
    return max(0, min(left, 1), left - waiting.for_gpus)


def _child_slots(machine: Machine, settings: RunSettings, free: Room, waiting: Queued) -> int:
    """A child does not ask for cores: its parent, which waits for it, would never give them up."""
    return _slots(machine, settings, replace(free, cores=math.inf), waiting)
