"""When to look again: a heap of due times, and how long before them a start must begin. Pure.

Prefect tells nobody when a run falls due, and nothing at all of the runs that its scheduler makes,
so the agent looks a minute ahead and keeps the due times itself.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from datetime import datetime, timedelta

LOOK_AHEAD = timedelta(seconds=60)
"""How far ahead runs are looked for; longer than any poll interval."""


class Schedule:
    """Due times of runs that are not due yet."""

    def __init__(self) -> None:
        self._due: list[datetime] = []

    def replace(self, due: Iterable[datetime]) -> None:
        """A fresh look ahead replaces the last one: runs may have been moved or deleted."""
        self._due = list(due)
        heapq.heapify(self._due)

    def pass_by(self, moment: datetime) -> None:
        """Forget what falls due up to `moment`: it has been looked at. What could not be taken
        then is found by the next poll, and does not wake anybody again and again."""
        while self._due and self._due[0] <= moment:
            heapq.heappop(self._due)

    def seconds_to_next(self, now: datetime, lead: float) -> float | None:
        """Seconds until the next run must be claimed so that it is up when it is due."""
        if not self._due:
            return None
        return max(0.0, (self._due[0] - now).total_seconds() - lead)


class StartUp:
    """How long a start takes, learned from those seen: smoothed mean plus twice the smoothed deviation."""

    SHORTEST, LONGEST = 0.5, 20.0

    def __init__(self, first_guess: float = 2.0) -> None:
        self._mean = first_guess
        self._deviation = 0.0

    def saw(self, seconds: float) -> None:
        error = seconds - self._mean
        self._mean += error / 4
        self._deviation += (abs(error) - self._deviation) / 4

    @property
    def lead(self) -> float:
        """Seconds before the due time at which to claim."""
        return min(self.LONGEST, max(self.SHORTEST, self._mean + 2 * self._deviation))


class SetAside:
    """Runs not to look at for a while, each for longer the more often it comes up."""

    FIRST, LONGEST = 5.0, 60.0

    def __init__(self) -> None:
        self._until: dict[str, tuple[float, float]] = {}

    def put(self, flow_run_id: str, now: float, seconds: float | None = None) -> bool:
        """Leave it alone for `seconds`, or for twice as long as the last time. True the first time."""
        _, last = self._until.get(flow_run_id, (0.0, 0.0))
        pause = seconds if seconds is not None else min(self.LONGEST, max(self.FIRST, 2 * last))
        self._until[flow_run_id] = (now + pause, pause)
        return not last

    def __len__(self) -> int:
        return len(self._until)

    def holds(self, flow_run_id: str, now: float) -> bool:
        return self._until.get(flow_run_id, (0.0, 0.0))[0] > now

    def forget_old(self, now: float) -> None:
        """Drop what has not come up for ten minutes."""
        self._until = {key: value for key, value in self._until.items() if value[0] > now - 600}
