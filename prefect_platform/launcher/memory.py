"""How much memory a run has needed, and whether the kernel killed it for that.

The peak is over the sum of all processes of the run, looked at about once a second (less often where
looking is dear), and never less than what the kernel remembers of the largest single process.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Sequence

from prefect_platform.launcher.linux import (
    descendants,
    memory_limit,
    oom_kills,
    proportional_bytes,
    resident_bytes,
)
from prefect_platform.launcher.process import Exit

SAMPLE_SECONDS = 1.0
SHARE_OF_TIME = 50
"""Looking takes at most one part in this many of the launcher's time."""
UNITS = (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10))


class TreeMemory:
    """The memory of everything below the launcher."""

    def __init__(self, declared_bytes: int) -> None:
        self.peak_bytes = 0
        self.processes: Sequence[int] = ()
        """Those of the last look."""
        self._highest = self._last = 0
        self._lock = threading.Lock()
        self._declared = declared_bytes
        self._kills = oom_kills()
        self._next = 0.0

    def due_in(self) -> float:
        """Seconds until the next look."""
        return max(0.0, self._next - time.monotonic())

    def look(self) -> None:
        """Look if it is time to."""
        started = time.monotonic()
        if started < self._next:
            return
        pids = descendants(os.getpid())
        # One process shares its pages with nobody here, and its resident size is much cheaper to read.
        size = proportional_bytes if len(pids) > 1 else resident_bytes
        self._found(sum(size(pid) or resident_bytes(pid) for pid in pids))
        self.processes = pids
        ended = time.monotonic()
        self._next = ended + max(SAMPLE_SECONDS, SHARE_OF_TIME * (ended - started))

    def _found(self, size: int) -> None:
        self.peak_bytes = max(self.peak_bytes, size)
        with self._lock:
            self._highest = max(self._highest, size)
            self._last = size

    def take_highest(self) -> int:
        """The most since this was last asked, in bytes. From any thread."""
        with self._lock:
            found, self._highest = self._highest, self._last
            return found

    def ended(self, end: Exit) -> None:
        """Take in what the kernel remembers of the engine."""
        self.peak_bytes = max(self.peak_bytes, end.peak_memory_bytes)

    def out_of_memory(self, end: Exit) -> str | None:
        """The sentence for an engine that the kernel killed for want of memory; nothing for any other."""
        kills = oom_kills()
        if end.signal != signal.SIGKILL or kills is None or self._kills is None or kills <= self._kills:
            return None
        limit = min(filter(None, (self._declared, memory_limit())), default=self._declared)
        return (
            f"The run was killed by the kernel: out of memory at {amount(self.peak_bytes)} of "
            f"{amount(limit)}. Give it more memory, or let it hold less at once."
        )


def amount(size: int) -> str:
    """A number of bytes for people."""
    for unit, factor in UNITS:
        if size >= factor:
            return f"{size / factor:.3g} {unit}"
    return f"{size} bytes"
