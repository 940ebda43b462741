"""Processes by pid and start time, read from `/proc`: what `up` must know of its own, light to import.

A pid alone may have been given to another process; with its start time it is one process for good.
"""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

from prefect_platform.errors import Unavailable

_PROC = Path("/proc")


@dataclass(frozen=True)
class Process:
    pid: int
    started: int
    """Clock ticks from the machine's boot to its start; 0 for what was gone when it was looked at."""

    @property
    def alive(self) -> bool:
        found = _stat(self.pid)
        return found is not None and found == (self.started, True)

    def send(self, number: signal.Signals) -> bool:
        """Signal exactly this process; False if it is gone."""
        try:
            descriptor = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return False
        try:
            if not self.alive:
                return False
            signal.pidfd_send_signal(descriptor, number)
        except ProcessLookupError:
            return False
        finally:
            os.close(descriptor)
        return True


def process(pid: int) -> Process:
    """The process that has this pid now."""
    found = _stat(pid)
    return Process(pid, found[0] if found else 0)


def require_linux() -> None:
    """Go on only on Linux.

    Raises:
        Unavailable: this is another system.
    """
    if not sys.platform.startswith("linux"):
        raise Unavailable(
            f"`prefect-platform up` runs on Linux so far, not on {sys.platform}. Register from here with "
            "a platform elsewhere: `prefect-platform login URL`."
        )


def _stat(pid: int) -> tuple[int, bool] | None:
    """Start time and whether it is more than a zombie; None for what is gone."""
    try:
        text = (_PROC / str(pid) / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The second field is the program's name in parentheses and may hold anything.
    fields = text.rpartition(")")[2].split()
    return int(fields[19]), fields[0] not in ("Z", "X")
