"""Signals become one flag and one file descriptor that a select loop can wait on.

SIGTERM, SIGINT and SIGHUP all mean "end this workload"; so does the platform's stop flag. The first
reason counts. SIGCHLD only wakes.
"""

from __future__ import annotations

import os
import select
import signal
from contextlib import suppress
from types import FrameType
from typing import Protocol

from prefect_platform.launcher.faults import Stopped

STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Interrupts(Protocol):
    """What `Signals` is to those who wait: the wish to end, and a descriptor that wakes."""

    wake_fd: int

    def check(self) -> None: ...
    def clear(self) -> None: ...
    def sleep(self, seconds: float) -> None: ...


class Signals:
    """Made once, in the main thread, as early as possible."""

    def __init__(self) -> None:
        self.stop_reason: str | None = None
        """Why this workload is to end, or nothing."""
        self.wake_fd, self._write_fd = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.set_wakeup_fd(self._write_fd, warn_on_full_buffer=False)
        for signum in STOPPING:
            signal.signal(signum, self._stop)
        signal.signal(signal.SIGCHLD, self._ignore)

    def request_stop(self, reason: str) -> None:
        """Ask for the end, from any thread."""
        if self.stop_reason is None:
            self.stop_reason = reason
        self.wake()

    def wake(self) -> None:
        """Make the select loop look around, from any thread."""
        with suppress(BlockingIOError):  # full of wake-ups already
            os.write(self._write_fd, b"\0")

    def clear(self) -> None:
        """Empty the wake pipe; call before looking at what may have changed."""
        with suppress(BlockingIOError):  # empty
            while len(os.read(self.wake_fd, 4096)) == 4096:
                pass

    def sleep(self, seconds: float) -> None:
        """Wait, but not longer than until something happens."""
        poll = select.poll()
        poll.register(self.wake_fd, select.POLLIN)
        poll.poll(max(0.0, seconds) * 1000)
        self.clear()

    def check(self) -> None:
        """Raises: Stopped, if the end has been asked for."""
        if self.stop_reason is not None:
            raise Stopped(f"Cancelled before the run was started ({self.stop_reason}).")

    def _stop(self, signum: int, frame: FrameType | None) -> None:
        if self.stop_reason is None:
            self.stop_reason = f"{signal.Signals(signum).name} received"

    def _ignore(self, signum: int, frame: FrameType | None) -> None:
        """SIGCHLD needs a handler of its own to reach the wake pipe."""
