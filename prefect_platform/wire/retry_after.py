"""`Retry-After`: what somebody in front of Prefect says when there were too many calls.

Pure: whoever calls sleeps by itself, and bounds for how long it does as it is told.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

TOO_MANY = 429


def seconds(text: str | None, now: datetime | None = None) -> float | None:
    """Seconds to wait, of both forms that HTTP allows; None for no value, or one that says nothing."""
    if text is None:
        return None
    try:
        found = float(text)
    except ValueError:
        try:
            at = parsedate_to_datetime(text)
        except (TypeError, ValueError, OverflowError):
            return None
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        found = (at - (now or datetime.now(UTC))).total_seconds()
    return max(0.0, found) if math.isfinite(found) else None


class Told:
    """Until when nobody asks, for all calls through one connection, those to come too."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._until = float("-inf")

    def hear(self, status: int, text: str | None) -> bool:
        """Take an answer's word; whether it asks to wait, and says for how long."""
        found = seconds(text) if status == TOO_MANY else None
        if found is not None:
            self._until = max(self._until, self._clock() + found)
        return found is not None

    @property
    def remaining(self) -> float:
        """Seconds for which nothing should be sent."""
        return max(0.0, self._until - self._clock())
