"""Admission: who of the waiting gets room, in order of priority and then of age.

One transaction decides for all replicas: it holds the installation's row, so two controllers never
promise the same memory or the same GPU twice. The first that does not fit waits, and nobody overtakes it.
One that waits for nothing but GPUs holds up those alone that ask for GPUs too: a device may be held for
days, and what it would also take of memory and cores is not kept free for it until then. While the driver
does not answer, one that asks for devices that are not seen waits too, and holds up nobody.

A run with a Dask cluster is admitted together with its scheduler and the least number of workers that it is
to have, or as many as this machine can have at all: a parent that waits for its workers cannot lock a laptop.
All other members of clusters go first, as children of runs do, take what room there is, and hold up nobody.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncSession

from prefect_platform.server.controller import admission_groups
from prefect_platform.server.db.tables import InstallationRow, WorkloadRow
from prefect_platform.server.services import (
    capacity,
    cluster_moves,
    cluster_waiting,
    ends,
    sizes,
    workloads,
)
from prefect_platform.server.services.capacity import Room
from prefect_platform.server.services.catalogue import MACHINE
from prefect_platform.server.services.machine import Machine
from prefect_platform.server.services.parts import Parts
from prefect_platform.server.services.sizes import Needs
from prefect_platform.wire.flows import VersionSettings
from prefect_platform.wire.runs import Status, Target
from prefect_platform.wire.sizes import GpuRequest

PLATFORM = "platform"
"""The actor of the controller's own moves."""
WAITS_FOR_GPUS = "waits-for-gpus"
"""A step of this name: why a workload does not start yet. Told again when the reason is another."""
BATCH = 100
GIB = 1 << 30


async def admit(parts: Parts) -> list[WorkloadRow]:
    """Move the waiting that fit to PROVISIONING, and give them. What can never fit is ended."""
    async with parts.database.reader() as session:
        waiting = await capacity.queued(session)
        if not waiting.count and not waiting.members:
            return []
    async with parts.database.session() as session:
        await session.execute(select(InstallationRow.id).with_for_update())
        used = await capacity.promised(session)
        total = capacity.whole(parts.machine, parts.config.runs)
        admitted, touched = await _each(
            session, parts, total, total.without(used.cores, used.memory_bytes, used.gpus)
        )
    for project_id in touched:
        workloads.tell(parts, project_id)
    return admitted


async def _each(
    session: AsyncSession, parts: Parts, total: Room, free: Room
) -> tuple[list[WorkloadRow], set[str]]:
    """Go through the waiting in their order. Gives the admitted, and projects in which something changed."""
    admitted: list[WorkloadRow] = []
    touched: set[str] = set()
    bounded, gpus_wanted = parts.machine.bounded, False
    free = await _each_loose(session, parts, free, admitted, touched)
    async for row in _in_turn(session):
        at = parts.clock.now()
        if row.size == MACHINE and bounded:
            await _take_all(session, parts, row)
        group = [row, *await admission_groups.members(session, row, total if bounded else None)]
        if bounded and (reason := _never_together(group, total, parts.machine)):
            await ends.crash(session, row, reason, PLATFORM, at)
            touched.add(row.project_id)
            continue
        if bounded and (reason := unseen(row, parts.machine)):
            if _note_waiting(row, reason, at):
                touched.add(row.project_id)
            continue
        placed = place(free, group)
        if bounded and placed.lacks is Lacks.ROOM:
            break
        wants_gpus = any(one.gpu is not None for one in group)
        if bounded and wants_gpus and (gpus_wanted or placed.lacks is Lacks.GPUS):
            gpus_wanted = True
            continue
        free = await _admit(session, parts, group, placed if bounded else None, free)
        admitted += group
        touched.add(row.project_id)
    return admitted, touched


async def _each_loose(
    session: AsyncSession, parts: Parts, free: Room, admitted: list[WorkloadRow], touched: set[str]
) -> Room:
    """Members of clusters that wait by themselves: each takes what room there is. What is left."""
    bounded = parts.machine.bounded
    for row in await admission_groups.loose(session, BATCH):
        placed = place(free, [row])
        if not bounded or placed.room is not None:
            free = await _admit(session, parts, [row], placed if bounded else None, free)
            admitted.append(row)
            touched.add(row.project_id)
    return free


class Lacks(StrEnum):
    """What there is too little of."""

    ROOM = "room"
    GPUS = "gpus"


@dataclass(frozen=True)
class Placed:
    """Workloads that are admitted together, if they fit."""

    room: Room | None
    """What is left then."""
    devices: Sequence[list[str]] = ()
    """UUIDs for each."""
    lacks: Lacks | None = None


def place(free: Room, rows: Sequence[WorkloadRow]) -> Placed:
    """Room for all of these, or for none."""
    found, lacks = [], None
    for row in rows:
        if not free.holds(row):
            return Placed(None, lacks=Lacks.ROOM)
        devices = free.devices(row)
        if devices is None:
            lacks = Lacks.GPUS
        found.append(devices or [])
        free = free.without(row.cores, row.memory_bytes, devices or ())
    return Placed(None if lacks else free, found, lacks)


async def _admit(
    session: AsyncSession, parts: Parts, rows: Sequence[WorkloadRow], placed: Placed | None, free: Room
) -> Room:
    """Give these their room; what is left."""
    for number, row in enumerate(rows):
        row.gpus = (placed.devices[number] or None) if placed is not None else None
        await workloads.move(session, row, Status.PROVISIONING, PLATFORM, None, parts.clock.now())
    return placed.room if placed is not None and placed.room is not None else free


def _never_together(group: Sequence[WorkloadRow], total: Room, machine: Machine) -> str | None:
    """Why a run and what belongs to it can never start here, if they cannot."""
    row, *members = group
    if reason := never(row, total, machine):
        return reason
    for one in members:
        if why := cluster_waiting.never(one, machine):
            return f"{cluster_moves.member_name(one)} of its Dask cluster can never start here: {why}."
    if members and place(total, group).lacks is Lacks.ROOM:
        needed = sum(one.memory_bytes for one in group)
        return (
            "It can never start here together with the scheduler and one worker of its Dask cluster: that "
            f"takes {needed / GIB:.1f} GiB of memory, and all of this platform has "
            f"{total.memory_bytes / GIB:.1f} GiB. Register the flow with smaller sizes."
        )
    return None


async def _take_all(session: AsyncSession, parts: Parts, row: WorkloadRow) -> None:
    """The size of a machine is what it is when there is room, not what it was when the run was asked for."""
    version = await workloads.version_of(session, row.id)
    if version is not None:
        needs = sizes.needs(parts, VersionSettings.model_validate(version.settings))
        row.cores, row.memory_bytes = needs.cores, needs.memory_bytes
        row.gpu = needs.gpu.model_dump(mode="json") if needs.gpu else None


async def _in_turn(session: AsyncSession) -> AsyncIterator[WorkloadRow]:
    """The waiting, in order. Where a whole batch was gone through, some may only wait for GPUs: then those
    that ask for none, too."""
    first = await _waiting(session)
    for row in first:
        yield row
    if len(first) == BATCH:
        seen = {row.id for row in first}
        for row in await _waiting(session, WorkloadRow.gpu.is_(None)):
            if row.id not in seen:
                yield row


async def _waiting(session: AsyncSession, *conditions: ColumnElement[bool]) -> list[WorkloadRow]:
    found = await session.scalars(
        select(WorkloadRow)
        .where(
            WorkloadRow.status == Status.QUEUED.value,
            WorkloadRow.target == Target.RUNNING.value,
            WorkloadRow.cluster_id.is_(None),
            *conditions,
        )
        .order_by(WorkloadRow.priority.desc(), WorkloadRow.created_at, WorkloadRow.id)
        .limit(BATCH)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return list(found)


def unseen(row: WorkloadRow, machine: Machine) -> str | None:
    """Why this waits for a driver that does not answer, if it does."""
    if machine.gpus_known or row.gpu is None:
        return None
    return sizes.gpu_misfit(machine, GpuRequest.model_validate(row.gpu))


def _note_waiting(row: WorkloadRow, reason: str, at: datetime) -> bool:
    """Whether it was not told yet."""
    told = [step for step in row.steps if step["name"] == WAITS_FOR_GPUS]
    if told and told[-1]["detail"] == reason:
        return False
    workloads.note(row, WAITS_FOR_GPUS, at, reason)
    return True


def never(row: WorkloadRow, total: Room, machine: Machine) -> str | None:
    """Why this can never run here, if it cannot. Devices count once the driver has told which there are."""
    gpu = GpuRequest.model_validate(row.gpu) if row.gpu is not None and machine.gpus_known else None
    if row.size is not None:
        why = sizes.misfit(machine, Needs(row.cores, row.memory_bytes, gpu))
        return None if why is None else f"Size {row.size!r} can never start here: {why}."
    why = too_large(row, total)
    if why is None and gpu is not None and (missing := sizes.gpu_misfit(machine, gpu)):
        why = f"It can never start here: {missing}."
    return why


def too_large(row: WorkloadRow, total: Room) -> str | None:
    """Why cores or memory that were declared without a size can never be had here, if they cannot."""
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
