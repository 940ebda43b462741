"""The local backend: every workload is a launcher in a session of its own on this machine.

Launchers survive the platform. What is kept here in memory can all be found again from a handle, the
workload's directory and `/proc`, so a new platform process adopts what runs.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from prefect_platform.backends.base import (
    Capacity,
    Handle,
    Observed,
    Phase,
    RecoveredEnd,
    RecoveredLog,
    WorkloadSpec,
)
from prefect_platform.backends.local import ending, recovery, secret_files
from prefect_platform.backends.local.directory import require_below, without
from prefect_platform.backends.local.exits import Exits
from prefect_platform.backends.local.gpus import Gpus, NvmlGpus
from prefect_platform.backends.local.launch import Launching, told
from prefect_platform.backends.local.memory_watch import MemoryWatch, Watched
from prefect_platform.backends.local.place import NEVER, Place
from prefect_platform.backends.local.proc import MachineMemory, Proc, require_linux
from prefect_platform.backends.local.settings import MemoryPolicy, inherited, visible_devices
from prefect_platform.backends.local.tree import Tree
from prefect_platform.errors import Conflict

DRAIN_SECONDS = 15.0
"""What a launcher has beyond the grace of user code, to send its last output and report."""
SWEEP_SECONDS = 2.0
"""How long one look at a workload may take that has to be ended by force; then the next look goes on."""


class LocalBackend:
    """`Backend` of one Linux machine. Belongs to the event loop it is first used in."""

    name = "local"

    def __init__(
        self,
        directory: Path,
        *,
        python: str = sys.executable,
        launcher: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
        core_total: float | None = None,
        memory_total: int | None = None,
        limits: MemoryPolicy = MemoryPolicy(),  # noqa: B008 - frozen
        drain_seconds: float = DRAIN_SECONDS,
        memory: Callable[[], MachineMemory] | None = None,
        gpus: Gpus | None = None,
    ) -> None:
        """Nothing is created or read before the first call.

        Args:
            directory: where each workload gets a directory of its own.
            python: interpreter of the launcher; it has to find this package.
            launcher: another program that understands `--claim FILE`.
            environment: variables of a launcher; by default a few of the platform's own.
            core_total: cores that `capacity` tells, instead of what the machine has.
            memory_total: bytes that `capacity` tells, instead of the machine's less a reserve.
            limits: when memory is short, and how much is kept back.
            drain_seconds: see `DRAIN_SECONDS`.
            memory: reads the machine's memory.
            gpus: tells the machine's GPUs; by default those of NVIDIA's driver.

        Raises:
            Unavailable: this system is not Linux.
        """
        require_linux()
        self._directory = directory.absolute()
        self._core_total, self._memory_total = core_total, memory_total
        self._limits, self._drain_seconds = limits, drain_seconds
        self._proc = Proc()
        self._read_memory = memory or self._proc.memory
        self._gpus = gpus or NvmlGpus(visible=visible_devices())
        command = tuple(launcher) or (python, "-P", "-m", "prefect_platform.launcher")
        self._launching = Launching(
            command, environment if environment is not None else inherited(), self._proc
        )
        self._changed = asyncio.Event()
        self._exits = Exits(self._proc, self._changed.set)
        self._memory = MemoryWatch(self._proc, limits, self._read_memory, self._end_for_memory)
        self._watched: dict[str, Watched] = {}
        self._ended: dict[str, Observed] = {}
        self._deadlines: dict[str, asyncio.TimerHandle] = {}
        self._forcing: set[asyncio.Task[None]] = set()

    async def start(self, spec: WorkloadSpec, handle: Handle) -> AsyncIterator[Handle]:
        place = self._place(handle) or Place.of(self._directory, spec.workload_id, spec.memory_bytes)
        if place.launcher is None:
            await asyncio.to_thread(self._launching.prepare, place, spec)
            yield place.handle()
            place = await asyncio.to_thread(self._launching.launch, place)
            if self._lives(place):
                self._adopt(place)
        yield place.handle()

    async def stop(self, handle: Handle, grace_seconds: float) -> None:
        place = self._place(handle)
        if place is not None and place.launcher is None:
            place = await asyncio.to_thread(self._launching.forbid, place)
            self._changed.set()
        if place is None or not self._lives(place):
            return
        asked_before = place.workload_id in self._deadlines
        self._limit(self._adopt(place), grace_seconds + self._drain_seconds)
        if place.launcher is not None and not asked_before:
            self._proc.send(place.launcher, signal.SIGTERM)

    async def observe(self, handles: Mapping[str, Handle]) -> dict[str, Observed]:
        places = {key: self._place(handle) for key, handle in handles.items()}
        looks = await asyncio.to_thread(lambda: [self._look(place) for place in places.values()])
        answers = await asyncio.gather(*(self._answer(place, phase) for place, phase in looks))
        return dict(zip(places, answers, strict=True))

    async def wait_for_change(self, timeout: float) -> None:
        with suppress(TimeoutError):  # running out of time is one of the two ways this returns
            await asyncio.wait_for(self._changed.wait(), timeout)
        self._changed.clear()

    async def recover_logs(self, handle: Handle, have: Mapping[str, int]) -> AsyncIterator[RecoveredLog]:
        place = self._place(handle)
        if place is None:
            return
        with told(f"read the spool of workload {place.workload_id}"):
            for source in await asyncio.to_thread(recovery.sources, place.directory):
                pieces = recovery.pieces(place.directory, source, have.get(source, 0))
                while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
                    yield piece

    async def recover_end(self, handle: Handle) -> RecoveredEnd:
        place = self._place(handle)
        if place is None:
            return RecoveredEnd(None, frozenset())
        with told(f"read the result of workload {place.workload_id}"):
            return await asyncio.to_thread(recovery.end, place.directory)

    async def remove(self, handle: Handle) -> None:
        place = self._place(handle)
        if place is None:
            return
        place = place if place.launcher else await asyncio.to_thread(self._launching.find, place) or place
        if self._lives(place):
            raise Conflict(f"Workload {place.workload_id} still runs: stop it before it is removed.")
        self._release(place.workload_id)
        self._watched.pop(place.workload_id, None)
        self._ended.pop(place.workload_id, None)
        if place.launcher is not None:
            self._exits.forget(place.launcher)
        with told(f"remove the directory of workload {place.workload_id}"):
            await asyncio.to_thread(secret_files.remove, place.directory)
            await asyncio.to_thread(without, place.directory)

    async def capacity(self, running: Sequence[str]) -> Capacity | None:
        total = (await asyncio.to_thread(self._read_memory)).total
        found = await asyncio.to_thread(self._gpus.look)
        return Capacity(
            gpus=found.gpus,
            gpu_problem=found.problem,
            gpus_known=found.known,
            cores=self._core_total or self._proc.cores(),
            memory_bytes=self._memory_total or max(0, total - self._limits.reserve(total)),
        )

    async def close(self) -> None:
        """Watch nothing any more; call it before the event loop ends. Workloads run on."""
        self._exits.close()
        for workload_id in list(self._deadlines):
            self._deadlines.pop(workload_id).cancel()
        if self._forcing:
            await asyncio.wait(self._forcing)
        await self._memory.close()

    def _place(self, handle: Handle) -> Place | None:
        place = Place.read(handle)
        if place is not None:
            require_below(self._directory, place)
        return place

    def _lives(self, place: Place) -> bool:
        """Whether its launcher does."""
        same_boot = place.boot == self._proc.boot_id()
        return place.launcher is not None and same_boot and self._proc.alive(place.launcher)

    def _look(self, place: Place | None) -> tuple[Place | None, Phase]:
        """The place, with the launcher found if the handle does not name it, and its phase."""
        if place is not None and place.launcher is None:
            found = self._launching.find(place)
            if found is None:
                return place, Phase.PENDING if place.directory.is_dir() else Phase.ABSENT
            place = found
        if place is None:
            return None, Phase.ABSENT
        if self._lives(place):
            return place, Phase.RUNNING
        return place, Phase.ENDED if place.directory.is_dir() else Phase.ABSENT

    async def _answer(self, place: Place | None, phase: Phase) -> Observed:
        if place is None or phase in (Phase.ABSENT, Phase.PENDING):
            return Observed(phase)
        if phase is Phase.ENDED:
            return await self._end(place)
        watched = self._adopt(place)
        return Observed(phase, reason=watched.reason, peak_memory_bytes=watched.peak or None)

    async def _end(self, place: Place) -> Observed:
        """Make sure that nothing of it lives, then tell how it ended."""
        if place.workload_id in self._ended:
            return self._ended[place.workload_id]
        if place.launcher is None or place.launcher == NEVER:
            return ending.NEVER_STARTED
        if place.boot != self._proc.boot_id():
            return ending.MACHINE_RESTARTED
        watched = self._watched.setdefault(place.workload_id, Watched(place, Tree(self._proc, place)))
        exited = self._exits.of(place.launcher)
        if not await asyncio.to_thread(watched.tree.kill, SWEEP_SECONDS):
            asyncio.get_running_loop().call_later(SWEEP_SECONDS, self._changed.set)
            return Observed(Phase.RUNNING, reason="Its launcher is gone; what ran below it is being ended.")
        self._release(place.workload_id)
        with told(f"read how workload {place.workload_id} ended"):
            last = await asyncio.to_thread(ending.observed, watched, exited, self._memory)
        self._ended[place.workload_id] = last
        return last

    def _adopt(self, place: Place) -> Watched:
        """Watch a launcher from now on, whoever started it."""
        watched = self._watched.get(place.workload_id)
        if watched is None:
            watched = self._watched[place.workload_id] = Watched(place, Tree(self._proc, place))
            self._memory.add(watched)
            self._memory.begin()
        if place.launcher is not None:
            self._exits.watch(place.launcher)
        return watched

    def _release(self, workload_id: str) -> None:
        self._memory.drop(workload_id)
        deadline = self._deadlines.pop(workload_id, None)
        if deadline is not None:
            deadline.cancel()

    def _limit(self, watched: Watched, seconds: float) -> None:
        """End it by force after `seconds`, or when it was to be ended before, whichever is sooner."""
        loop, workload_id = asyncio.get_running_loop(), watched.place.workload_id
        earlier = self._deadlines.get(workload_id)
        if earlier is not None:
            if earlier.when() <= loop.time() + seconds:
                return
            earlier.cancel()
        self._deadlines[workload_id] = loop.call_later(seconds, self._force, watched, seconds)

    def _force(self, watched: Watched, seconds: float) -> None:
        task = asyncio.get_running_loop().create_task(self._end_by_force(watched, seconds))
        self._forcing.add(task)
        task.add_done_callback(self._forcing.discard)

    async def _end_by_force(self, watched: Watched, seconds: float) -> None:
        reason = f"ended by force: {seconds:g} s after it was asked to stop it had not ended."
        await asyncio.to_thread(watched.explain, reason)
        await asyncio.to_thread(watched.tree.kill, SWEEP_SECONDS)
        self._changed.set()

    async def _end_for_memory(self, watched: Watched) -> None:
        await asyncio.to_thread(watched.tree.kill, SWEEP_SECONDS, spare_launcher=True)
        self._changed.set()
