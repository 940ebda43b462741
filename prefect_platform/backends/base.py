"""The contract of a backend: start, stop, observe and recover workloads.

A backend knows processes or pods, nothing of flows, Prefect or the database. Everything it must
remember is in the handle that the controller saves, so a new controller can go on with it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from prefect_platform.wire.sizes import Gpu

Handle = Mapping[str, str | int | float]
"""JSON-able facts by which a backend finds again what it created. Opaque to the controller."""


@dataclass(frozen=True)
class WorkloadSpec:
    """What the controller asks a backend to start: a launcher with its claim."""

    workload_id: str
    url: str
    """Where the launcher reaches the platform."""
    token: str
    """The workload token. It goes to the launcher as a 0600 file or mounted secret: never in
    the environment, in argv or in a manifest."""
    cores: float
    memory_bytes: int
    grace_seconds: float
    labels: Mapping[str, str] = field(default_factory=dict)


class Phase(StrEnum):
    """What a backend can see of a workload without asking it."""

    PENDING = "pending"
    """Accepted by the infrastructure, not running yet."""
    RUNNING = "running"
    ENDED = "ended"
    """Nothing of it runs any more, and what it left behind can be recovered."""
    ABSENT = "absent"
    """The infrastructure knows nothing of it: never created, or cleaned up."""


@dataclass(frozen=True)
class Observed:
    phase: Phase
    exit_code: int | None = None
    """Of the launcher, where the infrastructure knows it."""
    signal: int | None = None
    reason: str | None = None
    """The infrastructure's own sentence: out of memory, evicted, killed by the memory watch."""
    peak_memory_bytes: int | None = None


@dataclass(frozen=True)
class Capacity:
    """What the backend can hold at once. Memory is hard, cores are soft."""

    cores: float
    memory_bytes: int
    gpus: Sequence[Gpu] = ()
    """Devices that are given to one workload at a time."""
    gpu_problem: str | None = None
    """Why devices that may be there cannot be used, with the next step."""
    gpus_known: bool = True
    """False while nobody can tell which devices there are: who asks for one that is not seen waits."""


@dataclass(frozen=True)
class RecoveredLog:
    """A piece of log that the launcher wrote down but may not have sent."""

    source: str
    offset: int
    data: bytes


@dataclass(frozen=True)
class RecoveredEnd:
    """What the launcher wrote down as its result, if it got that far, as JSON of a ResultReport."""

    result: Mapping[str, object] | None
    complete: frozenset[str]
    """Sources that the launcher closed itself: nothing of them is missing."""
    sizes: Mapping[str, int] = field(default_factory=dict)
    """Bytes that each closed source has, where the launcher said so. A log that ends before is not whole."""
    begun: frozenset[str] = frozenset()
    """Sources of which bytes may have come, also those that nothing was kept of."""


class Backend(Protocol):
    """Starts launchers and tells what became of them.

    All methods may be called again after a crash of the caller. Errors of the infrastructure are
    raised as `prefect_platform.errors.PlatformError`; `NoCapacity` means "not now".
    """

    name: str

    def start(self, spec: WorkloadSpec, handle: Handle) -> AsyncIterator[Handle]:
        """Start a workload in checkpointed steps.

        Yields the whole handle each time something was created; the caller saves it before it
        asks for the next step. `handle` is the last saved one, empty the first time: a start that
        was interrupted goes on from there and creates nothing twice.
        """
        ...

    async def stop(self, handle: Handle, grace_seconds: float) -> None:
        """Ask the launcher to end, and return at once. No-op for what has ended or is absent.

        The launcher has `grace_seconds` for user code plus a margin of its own for draining logs;
        what still lives after that is ended by force.
        """
        ...

    async def observe(self, handles: Mapping[str, Handle]) -> dict[str, Observed]:
        """What each workload (by id) looks like now. Every key asked for is answered."""
        ...

    async def wait_for_change(self, timeout: float) -> None:
        """Return when something may have changed, or after `timeout` seconds."""
        ...

    def recover_logs(self, handle: Handle, have: Mapping[str, int]) -> AsyncIterator[RecoveredLog]:
        """Log bytes of an ended workload from offset `have[source]` (0 if absent) of each source on."""
        ...

    async def recover_end(self, handle: Handle) -> RecoveredEnd:
        """What the launcher of an ended workload wrote down about its end."""
        ...

    async def remove(self, handle: Handle) -> None:
        """Free what an ended workload left behind. No-op if it is gone already."""
        ...

    async def capacity(self, running: Sequence[str]) -> Capacity | None:
        """What this backend can hold, or None if the infrastructure itself queues what does not fit."""
        ...
