"""How long a start script and the engine after it may run, where somebody bounded it."""

from __future__ import annotations

import time
from collections.abc import Callable


class Deadline:
    """Counts from its making. Without a bound it never passes."""

    def __init__(self, seconds: float | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds, self._clock = seconds, clock
        self._at = float("inf") if seconds is None else clock() + seconds

    def due_in(self) -> float:
        """Seconds until it passes, or has passed."""
        return max(0.0, self._at - self._clock())

    @property
    def passed(self) -> bool:
        return self._clock() >= self._at

    @property
    def sentence(self) -> str:
        """Why the run was ended."""
        return f"It ran longer than its timeout of {shown(self._seconds or 0.0)}, and was stopped."


def shown(seconds: float) -> str:
    """`2 h`, `1 h 30 min`, `90 s`."""
    if seconds < 120 or seconds % 60:
        return f"{seconds:g} s"
    hours, minutes = divmod(int(seconds) // 60, 60)
    return " ".join(
        part for part in (f"{hours} h" if hours else "", f"{minutes} min" if minutes else "") if part
    )
