"""What stands for the signals of a launcher where there is none."""

from __future__ import annotations

import os
import select

from prefect_platform.launcher.faults import Stopped


class Quiet:
    """Interrupts of a launcher that nobody stops, or that is stopped from the outset."""

    def __init__(self, *, stopped: bool = False) -> None:
        self.wake_fd, self._write = os.pipe()
        self.stopped = stopped

    def check(self) -> None:
        if self.stopped:
            raise Stopped("stopped")

    def clear(self) -> None:
        os.read(self.wake_fd, 1)

    def sleep(self, seconds: float) -> None:
        select.select([], [], [], min(seconds, 0.01))

    def close(self) -> None:
        os.close(self.wake_fd)
        os.close(self._write)
