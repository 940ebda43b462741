"""What this process last saw of each Jupyter server that runs. Nothing is decided by it: people are told.

Kept in memory: every replica looks at all of them all the time, and one that has just begun knows soon.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Look:
    """The last look at one start."""

    problem: str | None = None
    """Why nobody can say what is done in it."""
    since: datetime | None = None
    """When it was first looked at in vain; none where the last look found it well."""
    free_bytes: int | None = None
    """Room where its files lie; none where that is not known here."""


NOTHING = Look()


class JupyterLooks:
    """By id of the start's workload."""

    def __init__(self) -> None:
        self._known: dict[str, Look] = {}

    def of(self, workload_id: str | None) -> Look:
        return self._known.get(workload_id or "", NOTHING)

    def note(self, workload_id: str, problem: str | None, free_bytes: int | None, now: datetime) -> None:
        since = (self.of(workload_id).since or now) if problem else None
        self._known[workload_id] = Look(problem, since, free_bytes)

    def forget_others(self, running: Iterable[str]) -> None:
        """Only these still run."""
        kept = set(running)
        self._known = {key: look for key, look in self._known.items() if key in kept}
