"""Sizes: what a name or a request for GPUs comes to on this platform, and whether it can be had here.

A version keeps the name. Cores and memory are the catalogue's at the time of each start, so an operator
who changes an entry changes the next start, and one who takes it away ends it with a sentence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from prefect_platform.errors import NotFound, RegistrationError, Unavailable, UsageError, foreign
from prefect_platform.server.config import RunSettings
from prefect_platform.server.services.catalogue import MACHINE, Catalogue, SizeEntry, closest
from prefect_platform.server.services.machine import Machine
from prefect_platform.server.services.parts import Parts
from prefect_platform.wire import gpus
from prefect_platform.wire.flows import VersionSettings
from prefect_platform.wire.quantities import shown_bytes, shown_cores
from prefect_platform.wire.sizes import GpuRequest, Size, SizeList


@dataclass(frozen=True)
class Needs:
    """What one start is to be given."""

    cores: float
    memory_bytes: int
    gpu: GpuRequest | None = None


def listing(parts: Parts) -> SizeList:
    """Every size in the operator's order, after it all of the machine, each with why it cannot be had."""
    machine = parts.machine
    found = [_shown(entry, machine) for entry in parts.catalogue.entries]
    if _has_machine(machine):
        found.append(_machine_size(machine))
    return SizeList(items=found, gpus=list(machine.gpus))


def _shown(entry: SizeEntry, machine: Machine) -> Size:
    return Size(
        name=entry.name,
        display=entry.shown,
        cores=entry.cores,
        memory_bytes=entry.memory,
        disk_bytes=entry.disk,
        shm_bytes=entry.shm,
        gpu=entry.gpu,
        price_per_hour=entry.price_per_hour,
        disabled_message=entry.disabled,
        unavailable=entry.disabled or misfit(machine, Needs(entry.cores, entry.memory, entry.gpu)),
    )


def _has_machine(machine: Machine) -> bool:
    return machine.known and machine.bounded


def _machine_size(machine: Machine) -> Size:
    needs = whole(machine)
    parts = ["all of this machine", shown_cores(needs.cores), shown_bytes(needs.memory_bytes)]
    return Size(
        name=MACHINE,
        display=", ".join([*parts, *([gpus.words(needs.gpu)] if needs.gpu else [])]),
        cores=needs.cores,
        memory_bytes=needs.memory_bytes,
        disk_bytes=None,
        shm_bytes=None,
        gpu=needs.gpu,
        price_per_hour=None,
        disabled_message=None,
        unavailable=None,
    )


def whole(machine: Machine) -> Needs:
    """All of one machine."""
    gpu = GpuRequest(count=min(len(machine.gpus), gpus.MOST)) if machine.gpus else None
    return Needs(machine.cores, machine.memory_bytes, gpu)


def misfit(machine: Machine, needs: Needs) -> str | None:
    """Why this machine can never give so much to one run, if it cannot.

    Cores are the real ones here: twice as many may be promised to all runs together, but no single run
    that asked for a size would get what it asked for.
    """
    if not _has_machine(machine):
        return None
    if needs.cores > machine.cores:
        return f"it needs {shown_cores(needs.cores)}, and this machine has {machine.cores:g}"
    if needs.memory_bytes > machine.memory_bytes:
        return (
            f"it needs {shown_bytes(needs.memory_bytes)} of memory, and this machine gives runs "
            f"{shown_bytes(machine.memory_bytes)}"
        )
    return gpu_misfit(machine, needs.gpu) if needs.gpu else None


def gpu_misfit(machine: Machine, request: GpuRequest) -> str | None:
    """Why this machine can never give these GPUs, if it cannot."""
    found = gpus.never(request, machine.gpus)
    return f"{found} ({machine.gpu_problem})" if found and machine.gpu_problem else found


class Asked(Protocol):
    """Who asks for a size: a version of a flow, or a resource."""

    @property
    def size(self) -> str | None: ...
    @property
    def cores(self) -> float: ...
    @property
    def memory_bytes(self) -> int: ...
    @property
    def gpu(self) -> GpuRequest | None: ...


AGAIN = "Register the flow again with one of these."


def needs(parts: Parts, settings: Asked, again: str = AGAIN) -> Needs:
    """What a version is to be given now. `again` says what to do about a size that is gone.

    Raises:
        NotFound: its size is not in the catalogue any more.
        UsageError: its size is not offered any more.
        Unavailable: it asks for all of a machine that was not looked at yet.
    """
    if settings.size is None:
        return _without_size(parts, settings)
    if settings.size == MACHINE and not parts.machine.known:
        raise Unavailable("The platform does not know its machine yet: try again in a moment.")
    if settings.size == MACHINE and _has_machine(parts.machine):
        found = whole(parts.machine)
    elif (entry := parts.catalogue.get(settings.size)) is None:
        raise NotFound(f"{_unknown(parts, settings.size)} {again}")
    elif entry.disabled:
        raise UsageError(f"Size {entry.name!r} is not offered: {entry.disabled}")
    else:
        found = Needs(entry.cores, entry.memory, entry.gpu)
    return Needs(found.cores, found.memory_bytes, settings.gpu or found.gpu)


def price_per_hour(parts: Parts, size: str | None) -> float | None:
    """What an hour of this size costs now. Whoever makes a workload keeps it there, so that a later catalogue
    changes no past. None without a size, for `machine`, and where the operator says none."""
    entry = parts.catalogue.get(size) if size is not None else None
    return None if entry is None else entry.price_per_hour


def _without_size(parts: Parts, settings: Asked) -> Needs:
    """What a version declares; for one that declares nothing, what the operator says."""
    cores, memory = settings.cores, settings.memory_bytes
    if (cores, memory) == (RunSettings.default_cores, RunSettings.default_memory_bytes):
        cores, memory = parts.config.runs.default_cores, parts.config.runs.default_memory_bytes
    return Needs(cores, memory, settings.gpu)


def check(parts: Parts, settings: VersionSettings) -> None:
    """Refuse what could not start, before anything of a registration is written.

    Raises:
        RegistrationError: no such size, one that is not offered, or one that can never start here.
    """
    try:
        wanted = needs(parts, settings)
    except NotFound:
        raise RegistrationError(_unknown(parts, str(settings.size))) from None
    except UsageError as error:
        raise RegistrationError(error.message) from None
    if settings.size is not None and (why := misfit(parts.machine, wanted)):
        raise RegistrationError(
            f"Size {settings.size!r} cannot start here: {why}. `prefect-platform size list` shows which can."
        )
    if _has_machine(parts.machine) and wanted.gpu and (why := gpu_misfit(parts.machine, wanted.gpu)):
        raise RegistrationError(f"This run could never start here: {why}.")


def _unknown(parts: Parts, name: str) -> str:
    names = known_names(parts.catalogue, parts.machine)
    return f"There is no size {foreign(name)!r}.{closest(name, names)} There are {', '.join(names)}."


def known_names(catalogue: Catalogue, machine: Machine) -> list[str]:
    return [*catalogue.names, *([MACHINE] if _has_machine(machine) else [])]
