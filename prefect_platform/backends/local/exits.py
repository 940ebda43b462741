"""Tells at once when a process ends, and how it ended if it was our child, so that no zombie stays."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

from prefect_platform.backends.local.proc import Exit, Proc, Process, open_pidfd, opened, reap


class Exits:
    """Watches launchers by pidfd: children of this process and adopted ones alike."""

    def __init__(self, proc: Proc, changed: Callable[[], None]) -> None:
        self._proc, self._changed = proc, changed
        self._watched: dict[Process, int] = {}
        self._ended: dict[Process, Exit] = {}

    def watch(self, process: Process) -> None:
        """Call `changed` when `process` ends. Watching again, or what has ended, is no harm."""
        if process in self._watched or process in self._ended:
            return
        pidfd = open_pidfd(process.pid)
        if pidfd is None:
            self._changed()
            return
        stat = self._proc.stat(process.pid)
        if stat is None or stat.process != process:
            os.close(pidfd)
            self._changed()
            return
        self._watched[process] = pidfd
        asyncio.get_running_loop().add_reader(pidfd, self._end, process)

    def of(self, process: Process) -> Exit | None:
        """How a process that is gone ended; None where only its parent was told."""
        if process in self._watched:
            self._end(process)
        elif process not in self._ended:
            self._reap_unwatched(process)
        return self._ended.get(process)

    def forget(self, process: Process) -> None:
        self._unwatch(process)
        self._ended.pop(process, None)

    def close(self) -> None:
        """Watch nothing any more. The processes go on."""
        for process in list(self._watched):
            self._unwatch(process)

    def _end(self, process: Process) -> None:
        if (found := reap(self._watched[process])) is not None:
            self._ended[process] = found
        self._unwatch(process)
        self._changed()

    def _reap_unwatched(self, process: Process) -> None:
        if self._proc.stat(process.pid) is None:  # gone for good; also the pid of no process, 0
            return
        with opened(process.pid) as pidfd:
            stat = self._proc.stat(process.pid)
            if pidfd is None or stat is None or stat.process != process:
                return
            if (found := reap(pidfd)) is not None:
                self._ended[process] = found

    def _unwatch(self, process: Process) -> None:
        pidfd = self._watched.pop(process, None)
        if pidfd is not None:
            asyncio.get_running_loop().remove_reader(pidfd)
            os.close(pidfd)
