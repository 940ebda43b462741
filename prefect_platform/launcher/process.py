"""Processes below the launcher: how each ended, and how all of them are ended.

The launcher is a subreaper, so whatever the run leaves behind becomes its child. Having no child
therefore means that nothing of the run is left.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from prefect_platform.launcher.linux import command_name, descendants

NATURAL_SECONDS = 0.1
"""How long what the engine leaves behind may take to end by itself: resource trackers and the like."""
TERM_SECONDS = 2.0
"""Then it gets SIGTERM, and this long after it SIGKILL."""
KILL_SECONDS = 5.0
"""A process that is still there this long after SIGKILL hangs in the kernel; nobody can wait for it."""
KIB = 1024


@dataclass(frozen=True)
class Exit:
    """How one process ended: by a code or by a signal."""

    code: int | None
    signal: int | None
    peak_memory_bytes: int


def reap(wanted: int) -> Exit | None:
    """Collect every child that has ended; the exit of `wanted` if it is one of them."""
    found = None
    while (pid := _ended_child()) is not None:
        _, status, usage = os.wait4(pid, 0)
        if pid == wanted:
            code = os.waitstatus_to_exitcode(status)
            killed = code < 0
            found = Exit(None if killed else code, -code if killed else None, usage.ru_maxrss * KIB)
    return found


def _ended_child() -> int | None:
    try:
        child = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:  # no children at all
        return None
    return child.si_pid if child is not None else None


def none_left() -> bool:
    """Whether nothing of the run is left, after collecting what has ended."""
    reap(0)
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return True
    return False


def kill_all() -> None:
    """SIGKILL everything below this process, once."""
    for pid in descendants(os.getpid()):
        send(pid, signal.SIGKILL)


def send(pid: int, signum: int) -> None:
    """Send a signal to a process that may have ended meanwhile."""
    with suppress(ProcessLookupError):
        os.kill(pid, signum)


def end_leftovers(sleep: Callable[[float], None]) -> list[str]:
    """End what the engine left behind: wait a moment, then SIGTERM, then SIGKILL.

    Returns the names of the processes that had to be told, as `name (pid)`.
    """
    if none_left() or _wait(none_left, NATURAL_SECONDS, sleep):
        return []
    left = descendants(os.getpid())
    names = [f"{command_name(pid)} ({pid})" for pid in left]
    for pid in left:
        send(pid, signal.SIGTERM)
        send(pid, signal.SIGCONT)  # a stopped process would not see it
    if not _wait(none_left, TERM_SECONDS, sleep):
        _wait(_killed, KILL_SECONDS, sleep)
    return names


def _killed() -> bool:
    """Kill again what is there: it may have forked in between."""
    kill_all()
    return none_left()


def _wait(condition: Callable[[], bool], seconds: float, sleep: Callable[[float], None]) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= deadline:
            return False
        sleep(0.01)
    return True
