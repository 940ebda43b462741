"""What a workload uses of cores, memory and GPUs over its life: a source of its log, with a line every 2 s.

A line has the milliseconds since the epoch; the mean of the cores in thousandths and the highest memory in
bytes, both since the line before; how busy its GPUs are in percent and how many bytes of their memory are in
use, or `-` for each that is not known. The longer it runs, the fewer: after every `LINES` lines the pause
doubles, so that a day is some 200 kB and a year half a megabyte.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable

from prefect_platform.launcher.linux import busy_seconds
from prefect_platform.launcher.memory import TreeMemory
from prefect_platform.launcher.nvml import GpuUse
from prefect_platform.launcher.source import Source
from prefect_platform.masking.encodings import encoded

FIRST_PAUSE = 2.0
LINES = 900
JOIN_SECONDS = 1.0


class Samples:
    """Taken from `begin` to `close` in a thread of its own: a driver that hangs holds nothing else up.

    `source` opens the source, with the first sample: a run that is over before has none.
    """

    def __init__(
        self,
        source: Callable[[], Source],
        memory: TreeMemory,
        gpus: GpuUse,
        *,
        pause: float = FIRST_PAUSE,
        lines: int = LINES,
    ) -> None:
        self._source, self._memory, self._gpus = source, memory, gpus
        self._pause, self._lines = pause, lines
        self._taken = 0
        self._before = (0.0, 0.0)
        """When the last sample was taken, and the seconds of work that were done until then."""
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="samples", daemon=True)

    def begin(self) -> None:
        """The program was started."""
        self._thread.start()

    def close(self) -> None:
        """The program has ended."""
        self._over.set()
        if self._thread.ident is not None:
            self._thread.join(JOIN_SECONDS)

    def _run(self) -> None:
        self._before = (time.monotonic(), self._work())
        while not self._over.wait(self._pause):
            source = self._source()  # before a driver that may hang: the end opens no more sources
            line = f"{time.time_ns() // 1_000_000} {self._use()} {self._gpus.look()}\n"
            source.write(encoded(line))
            self._taken += 1
            if self._taken % self._lines == 0:
                self._pause *= 2

    def _use(self) -> str:
        """Cores and memory since the last time."""
        (at, done), now = self._before, (time.monotonic(), self._work())
        self._before = now
        share = max(0.0, now[1] - done) / max(now[0] - at, 1e-3)
        return f"{round(1000 * share)} {self._memory.take_highest()}"

    def _work(self) -> float:
        """Seconds that cores have worked for it: for its processes, and for those that have ended."""
        ended = os.times()
        own = ended.children_user + ended.children_system
        return own + sum(map(busy_seconds, self._memory.processes))
