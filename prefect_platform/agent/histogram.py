"""How long things took, counted in buckets that are told as they are. Pure bookkeeping."""

from __future__ import annotations

from bisect import bisect_left

from prefect_platform.wire.agents import LatencyBucket

BOUNDS = (0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 60.0)
"""Seconds; what took longer is counted behind the last."""


class Histogram:
    def __init__(self) -> None:
        self._counts = [0] * (len(BOUNDS) + 1)

    def add(self, seconds: float) -> None:
        self._counts[bisect_left(BOUNDS, seconds)] += 1

    def buckets(self) -> list[LatencyBucket]:
        """Shortest first; none before anything was counted."""
        if not any(self._counts):
            return []
        bounds = (*BOUNDS, None)
        return [
            LatencyBucket(le_seconds=bound, count=count)
            for bound, count in zip(bounds, self._counts, strict=True)
        ]
