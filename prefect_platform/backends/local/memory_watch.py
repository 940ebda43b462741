"""Memory on one machine is declared and watched, not enforced: who is over it pays when it runs short.

While there is enough, nobody is ended, whatever it uses. Below the floor the workload most over its
declared memory ends, with a sentence that says so; one within its declaration never does. What the
kernel ended first is noticed and told as well.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field

from prefect_platform.backends.local.launch import write_atomically
from prefect_platform.backends.local.place import ENDED_BY, Place
from prefect_platform.backends.local.proc import MachineMemory, Proc, Process, Stat
from prefect_platform.backends.local.settings import MemoryPolicy
from prefect_platform.backends.local.tree import Tree, below

logger = logging.getLogger(__name__)

FASTEST_FILL = 4 << 30
"""Bytes a second at which programs are taken to fill memory: the less is left, the sooner the next look."""
SHORTEST = 0.1
"""Seconds between two looks at the least."""
SHARE_OF_TIME = 0.02
"""Looking takes no more than this part of one core."""


@dataclass
class Watched:
    """What the platform has seen of one workload's memory."""

    place: Place
    tree: Tree
    sizes: dict[Process, int] = field(default_factory=dict)
    """Resident bytes of each process at the last look."""
    used: int = 0
    peak: int = 0
    reason: str | None = None
    """Why the backend ended it."""
    kernel_suspected: bool = False
    """It lost a process while the kernel ended some for lack of memory."""

    @property
    def over(self) -> int:
        return self.used - self.place.memory_bytes

    def look(self, proc: Proc, table: Mapping[int, Stat]) -> int:
        """Take in a new look at all processes. Bytes of what is gone since the last one."""
        launcher = self.place.launcher
        found = below(table, launcher, self.tree.known) if launcher else {}
        gone = sum(size for process, size in self.sizes.items() if process not in found)
        self.sizes = {process: stat.rss_bytes for process, stat in found.items()}
        self.tree.known = frozenset(found)
        self.used = sum(self.sizes.values())
        # Forked processes share pages, and a sum counts those once each: look closer where it matters.
        if len(found) > 1 and self.used > max(self.peak, self.place.memory_bytes):
            self.used = sum(proc.pss_bytes(p.pid) or size for p, size in self.sizes.items())
        self.peak = max(self.peak, self.used)
        return gone

    def explain(self, reason: str) -> None:
        """Keep the first reason, also for a platform that looks after a restart."""
        if self.reason is None:
            self.reason = reason
            try:
                write_atomically(self.place.directory / ENDED_BY, reason.encode())
            except OSError:  # a full disk must not keep anything from being ended
                logger.exception("cannot write down why workload %s ends", self.place.workload_id)


class MemoryWatch:
    """One look at a time: of `begin`'s own making, or a test's."""

    def __init__(
        self,
        proc: Proc,
        policy: MemoryPolicy,
        read: Callable[[], MachineMemory],
        end: Callable[[Watched], Awaitable[None]],
    ) -> None:
        """`read` tells the machine's memory; `end` ends a workload's processes but not its launcher."""
        self._proc, self._policy, self._read, self._end = proc, policy, read, end
        self._watched: dict[str, Watched] = {}
        self._oom_kills: int | None = None
        self._task: asyncio.Task[None] | None = None

    def add(self, watched: Watched) -> None:
        """Take this workload into every look from now on."""
        if self._oom_kills is None:
            self._oom_kills = self._read().oom_kills
        self._watched[watched.place.workload_id] = watched

    def begin(self) -> None:
        """Look again and again, until there is nothing to look at. Begun already is no harm."""
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run(), name="memory-watch")

    def drop(self, workload_id: str) -> None:
        self._watched.pop(workload_id, None)

    async def close(self) -> None:
        self._watched.clear()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def suspects_kernel(self, watched: Watched) -> bool:
        """Whether the kernel killed, for lack of memory, while this workload was."""
        kills = self._read().oom_kills
        if not watched.kernel_suspected and self._oom_kills is not None and kills > self._oom_kills:
            self._oom_kills = kills
            watched.kernel_suspected = True
        return watched.kernel_suspected

    async def look(self) -> MachineMemory:
        """One look at everything, and what follows from it."""
        watched = list(self._watched.values())
        memory = await asyncio.to_thread(self._take_in, watched)
        if memory.available < self._policy.floor(memory.total):
            await self._make_room(watched, memory)
        return memory

    async def _run(self) -> None:
        while self._watched:
            began = time.monotonic()
            try:
                memory = await self.look()
            except OSError:  # a full disk or too many open files must not end the watch
                logger.exception("the memory watch could not look; it looks again")
                await asyncio.sleep(self._policy.interval)
                continue
            cost = time.monotonic() - began
            await asyncio.sleep(max(self.pause(memory), cost / SHARE_OF_TIME))

    def pause(self, memory: MachineMemory) -> float:
        """Seconds until the next look: sooner the less is left above the floor."""
        left = memory.available - self._policy.floor(memory.total)
        return min(self._policy.interval, max(SHORTEST, left / FASTEST_FILL))

    def _take_in(self, watched: Iterable[Watched]) -> MachineMemory:
        memory = self._read()
        table = self._proc.processes()
        gone = [(one.look(self._proc, table), one) for one in watched]
        if self._oom_kills is not None and memory.oom_kills > self._oom_kills:
            lost, victim = max(gone, key=lambda pair: pair[0], default=(0, None))
            if victim is not None and lost:
                victim.kernel_suspected = True
                self._oom_kills = memory.oom_kills
        return memory

    async def _make_room(self, watched: Iterable[Watched], memory: MachineMemory) -> None:
        victim = most_over(watched)
        if victim is None:
            return
        sentence = watch_sentence(victim, memory)
        logger.warning("workload %s %s", victim.place.workload_id, sentence)
        await asyncio.to_thread(victim.explain, sentence)
        await self._end(victim)


def most_over(watched: Iterable[Watched]) -> Watched | None:
    """Whom to end: the one with the most bytes over its declaration, if there is one."""
    over = [one for one in watched if one.over > 0 and one.reason is None]
    return max(over, key=lambda one: one.over, default=None)


def watch_sentence(victim: Watched, memory: MachineMemory) -> str:
    return (
        f"ended by the memory watch: it used {gib(victim.used)} of the {gib(victim.place.memory_bytes)} it"
        f" declared, and the machine had only {memory.available >> 20} MiB left. Register it with more"
        " memory, or let it use less."
    )


def kernel_sentence(victim: Watched) -> str:
    return (
        f"ended by the kernel for lack of memory: it used up to {gib(victim.peak)} of the"
        f" {gib(victim.place.memory_bytes)} it declared. Register it with more memory, or run less beside it."
    )


def gib(size: int) -> str:
    """Bytes as people say them."""
    return f"{size / (1 << 30):.1f} GiB" if size >= 1 << 29 else f"{size / (1 << 20):.0f} MiB"
