"""What is known of logs being written and watched right now, so that appends ask no database.

Only hints live here: a server that restarts knows nothing of it and goes on as well.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

KEPT = 1000
"""Workloads to remember before those that fell silent are forgotten."""


@dataclass(frozen=True)
class Standing:
    """What an append has to know of its workload."""

    stop: bool
    final: bool
    until: float
    """Uptime after which the database is asked again."""


class LogActivity:
    """By workload: how many follow its log, how it stands, and when it was last noted as alive."""

    def __init__(self) -> None:
        self.moved = asyncio.Event()
        """Set when some workload moved: no standing can be believed any more."""
        self.listening = False
        """Whether `moved` is told of moves; it is from the first append on."""
        self._watchers: Counter[str] = Counter()
        self._standings: dict[str, Standing] = {}
        self._noted: dict[str, float] = {}

    @contextmanager
    def watching(self, workload_id: str) -> Iterator[None]:
        """Count a reader who follows this workload."""
        self._watchers[workload_id] += 1
        try:
            yield
        finally:
            self._watchers[workload_id] -= 1
            if not self._watchers[workload_id]:
                del self._watchers[workload_id]

    def watched(self, workload_id: str) -> bool:
        return self._watchers[workload_id] > 0

    def standing(self, workload_id: str, uptime: float) -> Standing | None:
        """How the workload stands, if that was looked up a moment ago and nothing moved since."""
        if self.moved.is_set():
            self.moved.clear()
            self._standings.clear()
        found = self._standings.get(workload_id)
        return found if found is not None and uptime < found.until else None

    def remember(self, workload_id: str, standing: Standing, uptime: float) -> None:
        if len(self._standings) >= KEPT:
            self._standings = {key: old for key, old in self._standings.items() if uptime < old.until}
        self._standings[workload_id] = standing

    def due(self, workload_id: str, uptime: float, seconds: float) -> bool:
        """Whether it is `seconds` since the last time this said yes for the workload."""
        last = self._noted.get(workload_id)
        if last is not None and uptime - last < seconds:
            return False
        if len(self._noted) >= KEPT:
            self._noted = {key: at for key, at in self._noted.items() if uptime - at < seconds}
        self._noted[workload_id] = uptime
        return True
