"""What this agent knows of open attempts between two answers of the platform. Pure bookkeeping."""

from __future__ import annotations

import time
from collections.abc import Callable

from prefect_platform.wire.runs import Attempt, Status, Work

_FRESH = 60.0
"""Seconds for which an attempt or a cancel is remembered without the platform naming it."""
_OVERHEAD = 0.15
"""Seconds from the decision to claim until the platform makes room: not on the attempt's timeline."""


class Running:
    """Open attempts by flow run, those just made, and runs just cancelled."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._open: dict[str, Attempt] = {}
        self._made: dict[str, tuple[Attempt, float]] = {}
        self._cancelled: dict[str, float] = {}
        self._measured: set[str] = set()

    def __len__(self) -> int:
        return len(self._open)

    def now(self, work: Work) -> list[float]:
        """Take over the platform's word; seconds of the start-ups that it shows for the first time."""
        self._open = {attempt.flow_run_id: attempt for attempt in work.open}
        self._forget_old()
        started = [attempt for attempt in work.open if attempt.status is Status.RUNNING]
        fresh = [attempt for attempt in started if attempt.id not in self._measured]
        self._measured = {attempt.id for attempt in started}
        return [seconds for attempt in fresh if (seconds := start_up_seconds(attempt)) is not None]

    def got(self, attempt: Attempt) -> None:
        self._made[attempt.flow_run_id] = (attempt, self._clock())

    def cancelled(self, flow_run_id: str) -> None:
        self._cancelled[flow_run_id] = self._clock()

    def was_cancelled(self, flow_run_id: str) -> bool:
        return flow_run_id in self._cancelled

    def open_attempt(self, flow_run_id: str) -> Attempt | None:
        """The attempt that runs it, as far as is known here."""
        made = self._made.get(flow_run_id)
        listed = self._open.get(flow_run_id)
        if made and (listed is None or made[0].number > listed.number):
            return made[0]
        return listed

    def _forget_old(self) -> None:
        until = self._clock() - _FRESH
        self._made = {key: value for key, value in self._made.items() if value[1] > until}
        self._cancelled = {key: at for key, at in self._cancelled.items() if at > until}


def start_up_seconds(attempt: Attempt) -> float | None:
    """From having room to running the engine; waiting in the queue is not start-up."""
    moves = {move.status: move.at for move in attempt.workload.transitions}
    room, ran = moves.get(Status.PROVISIONING), moves.get(Status.RUNNING)
    return None if room is None or ran is None else (ran - room).total_seconds() + _OVERHEAD
