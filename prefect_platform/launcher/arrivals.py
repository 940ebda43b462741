"""When the bytes of a stream arrived: marks of (offset, milliseconds since the epoch), as few as tell it.

Marks of acknowledged bytes are forgotten. While the platform is down and many gather, they get
coarser, so a day of output costs memory of a few megabytes at most.
"""

from __future__ import annotations

import threading
from bisect import bisect_right

FINE_MS = 10
COARSE_MS = 1000
MANY = 1000
MAX_IN_HEADER = 200


class Arrivals:
    """The marks of one source. One thread adds, another asks."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._offsets: list[int] = []
        self._times: list[int] = []

    def add(self, offset: int, epoch_ms: int) -> bool:
        """Note that the bytes from `offset` on arrive now; false where the last mark is near enough."""
        with self._lock:
            if self._offsets and self._offsets[-1] == offset:  # nothing came after that mark
                self._times[-1] = epoch_ms
                return True
            near = COARSE_MS if len(self._offsets) > MANY else FINE_MS
            if self._times and 0 <= epoch_ms - self._times[-1] < near:
                return False
            self._offsets.append(offset)
            self._times.append(epoch_ms)
            return True

    def header(self, start: int, end: int) -> str:
        """The marks for bytes `start` to `end` as `offset:epoch_ms,…`, at most `MAX_IN_HEADER` of them."""
        with self._lock:
            first = max(0, bisect_right(self._offsets, start) - 1)
            last = bisect_right(self._offsets, end - 1)
            marks = list(zip(self._offsets[first:last], self._times[first:last], strict=True))
        step = -(-len(marks) // MAX_IN_HEADER) or 1
        return ",".join(f"{max(offset, start)}:{time}" for offset, time in marks[::step])

    def forget(self, offset: int) -> None:
        """Drop the marks that only concern bytes before `offset`."""
        with self._lock:
            keep = max(0, bisect_right(self._offsets, offset) - 1)
            del self._offsets[:keep], self._times[:keep]
