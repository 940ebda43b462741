"""Everything that runs below a launcher, and the end of it: also of what tried to get away.

A process belongs to a workload if it descends from its launcher, is in the launcher's session or one
begun below it, carries the workload's marker in its environment, or was seen to belong before. A
daemon that forked twice and called `setsid` keeps the marker; one that also cleared its environment
was seen below the launcher, which adopts orphans while it lives.
"""

from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Collection, Mapping

from prefect_platform.backends.local.place import Place
from prefect_platform.backends.local.proc import Proc, Process, Stat

logger = logging.getLogger(__name__)

PAUSE = 0.005
"""Seconds between two looks at processes that were told to end."""
SURE, SURE_WITHOUT_DOUBT = 10, 5
"""Looks in a row that have to find nothing; one without doubt counts as so many."""


def below(
    table: Mapping[int, Stat], launcher: Process, seeds: Collection[Process] = ()
) -> dict[Process, Stat]:
    """What of `table` descends from `launcher` or `seeds`, they themselves included."""
    young = [stat for stat in table.values() if stat.process.started >= launcher.started]
    roots = {launcher, *seeds}
    found = {stat.process: stat for stat in young if stat.process in roots}
    # A session outlives its leader, and no pid is given away while a session bears its number.
    # If the launcher's pid is somebody else's now, so is a session of that number.
    holder = table.get(launcher.pid)
    sessions = {launcher.pid} if holder is None or holder.process == launcher else set()
    while True:
        pids = {process.pid for process in found}
        sessions |= {stat.session for stat in found.values() if stat.session in pids}
        more = {
            stat.process: stat
            for stat in young
            if stat.process not in found and (stat.parent in pids or stat.session in sessions)
        }
        if not more:
            return found
        found |= more


class Tree:
    """Looks for the processes of one workload."""

    def __init__(self, proc: Proc, place: Place) -> None:
        self.proc, self.place = proc, place
        self.known: frozenset[Process] = frozenset()
        """Seen below the launcher while it lived."""

    def members(self) -> tuple[dict[Process, Stat], bool]:
        """Everything of it that lives, found by every means, and whether there may be more. Milliseconds."""
        launcher = self.place.launcher
        if launcher is None or self.place.boot != self.proc.boot_id():
            return {}, False
        table = self.proc.processes()
        table.pop(os.getpid(), None)
        marks = {
            stat.process: self.proc.is_marked(pid, self.place.workload_id)
            for pid, stat in table.items()
            if stat.process.started >= launcher.started
        }
        marked = [process for process, mark in marks.items() if mark]
        return below(table, launcher, {*marked, *self.known}), None in marks.values()

    def kill(self, seconds: float, *, spare_launcher: bool = False) -> bool:
        """End everything, again and again until nothing is found. False if `seconds` did not do.

        With `spare_launcher` it stays, to carry the last output and tell the end. One look is not
        enough to find nothing: what is just forking, or changing its program, can be missed by it.
        """
        deadline = time.monotonic() + seconds
        left_alone = {self.place.launcher} if spare_launcher else set()
        looks = 0
        while looks < SURE:
            found, doubtful = self.members()
            victims = [process for process in found if process not in left_alone]
            left_alone |= {process for process in victims if not self._kill(process)}
            looks = 0 if victims else looks + (1 if doubtful else SURE_WITHOUT_DOUBT)
            if time.monotonic() > deadline:
                return not victims
            time.sleep(PAUSE)
        return True

    def _kill(self, process: Process) -> bool:
        """Whether that could be tried."""
        try:
            self.proc.send(process, signal.SIGKILL)
        except PermissionError:
            logger.warning(
                "process %d of workload %s belongs to another user and is left running",
                process.pid,
                self.place.workload_id,
            )
            return False
        return True
