"""Backends that fail in one named way each, over the same infrastructure as the memory backend.

A test gives one to the controller, or to one of two controllers that share an infrastructure, and
sees that nothing is started twice, lost or left over.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence

from prefect_platform.backends.base import Capacity, Handle, Observed, RecoveredLog, WorkloadSpec
from prefect_platform.backends.memory import MemoryBackend
from prefect_platform.errors import NoCapacity, StorageFull, Unavailable


class SlowToStart(MemoryBackend):
    """Every start waits after its first checkpoint until `go` is set; `reached` tells that one waits."""

    def __init__(self, *args: object, **options: object) -> None:
        super().__init__(*args, **options)  # type: ignore[arg-type]  # passed on as they came
        self.go, self.reached = asyncio.Event(), asyncio.Event()

    async def start(self, spec: WorkloadSpec, handle: Handle) -> AsyncIterator[Handle]:
        first = True
        async for checkpoint in super().start(spec, handle):
            yield checkpoint
            if first:
                self.reached.set()
                await self.go.wait()
            first = False


class FailsBetween(MemoryBackend):
    """The first `times` starts fail between the first checkpoint and the launch."""

    times = 1

    async def start(self, spec: WorkloadSpec, handle: Handle) -> AsyncIterator[Handle]:
        first = True
        async for checkpoint in super().start(spec, handle):
            yield checkpoint
            if first and self.times > 0:
                self.times -= 1
                raise Unavailable("The disk of the machine does not answer.")
            first = False


class LosesTheAnswer(MemoryBackend):
    """The first `times` launches happen, but the start fails before it can tell of them."""

    times = 1

    async def start(self, spec: WorkloadSpec, handle: Handle) -> AsyncIterator[Handle]:
        async for checkpoint in super().start(spec, handle):
            if "launched" in checkpoint and self.times > 0:
                self.times -= 1
                raise Unavailable("The connection broke.")
            yield checkpoint


class Breaks(MemoryBackend):
    """Every start raises an error that no backend should."""

    async def start(self, spec: WorkloadSpec, handle: Handle) -> AsyncIterator[Handle]:
        raise ZeroDivisionError("division by zero")
        yield handle


class FullForAWhile(MemoryBackend):
    """The first `times` starts find no room, whatever `capacity` says."""

    times = 1

    async def start(self, spec: WorkloadSpec, handle: Handle) -> AsyncIterator[Handle]:
        if self.times > 0:
            self.times -= 1
            raise NoCapacity("The node is full.")
        async for checkpoint in super().start(spec, handle):
            yield checkpoint


class NeverEnds(MemoryBackend):
    """Ignores `stop`: only a test ends what it runs."""

    async def stop(self, handle: Handle, grace_seconds: float) -> None:
        workload = self._find(handle)
        if workload is not None:
            self.stops.append((workload.spec.workload_id, grace_seconds))


class Silent(MemoryBackend):
    """Does not answer `observe` while `silent` is true."""

    silent = True

    async def observe(self, handles: Mapping[str, Handle]) -> dict[str, Observed]:
        if self.silent:
            raise Unavailable("The infrastructure does not answer.")
        return await super().observe(handles)


class DiskFull(MemoryBackend):
    """Recovering logs fails while `full` is true."""

    full = True

    async def recover_logs(self, handle: Handle, have: Mapping[str, int]) -> AsyncIterator[RecoveredLog]:
        if self.full:
            raise StorageFull("No space is left on the device.")
        async for piece in super().recover_logs(handle, have):
            yield piece


class NoSize(MemoryBackend):
    """Cannot say how large it is while `broken` is true."""

    broken = True

    async def capacity(self, running: Sequence[str]) -> Capacity | None:
        if self.broken:
            raise Unavailable("The machine does not tell its size.")
        return await super().capacity(running)
