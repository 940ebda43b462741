"""A work queue by key: puts of one key merge, and no key is worked on twice at once.

A key that failed waits, twice as long each time up to a cap. The wait holds while nothing about the
key changed: a put with another mark ends it.
"""

from __future__ import annotations

import asyncio

from prefect_platform.server.services.clock import Clock


class WorkQueue:
    """Not for several threads or loops."""

    def __init__(self, clock: Clock, *, first_seconds: float = 0.2, cap_seconds: float = 30.0) -> None:
        self._clock, self._first, self._cap = clock, first_seconds, cap_seconds
        self._ready: asyncio.Queue[str] = asyncio.Queue()
        self._queued: set[str] = set()
        self._busy: dict[str, str] = {}
        """Keys being worked on, with their mark when they were taken."""
        self._again: set[str] = set()
        self._marks: dict[str, str] = {}
        self._failures: dict[str, int] = {}
        self._timers: dict[str, asyncio.Task[None]] = {}

    def put(self, key: str, mark: str = "") -> None:
        """Ask for work on a key. `mark` says in which state it was seen."""
        if key in self._timers:
            if mark == self._marks.get(key):
                return
            self._timers.pop(key).cancel()
        self._marks[key] = mark
        if key in self._busy:
            self._again.add(key)
        else:
            self._enqueue(key)

    async def get(self) -> str:
        """The next key, which is busy until `done` or `fail`."""
        key = await self._ready.get()
        self._queued.discard(key)
        self._busy[key] = self._marks.get(key, "")
        return key

    def done(self, key: str) -> None:
        """The work on a key went well: forget its failures."""
        del self._busy[key]
        self._failures.pop(key, None)
        if key in self._again:
            self._again.discard(key)
            self._enqueue(key)
        else:
            self._marks.pop(key, None)

    def fail(self, key: str) -> float:
        """The work failed: the key comes again after the seconds that are returned."""
        mark = self._busy.pop(key)
        self._failures[key] = failures = self._failures.get(key, 0) + 1
        changed = key in self._again and self._marks.get(key) != mark
        self._again.discard(key)
        if changed:
            self._enqueue(key)
            return 0.0
        delay = min(self._cap, self._first * 2.0 ** min(failures - 1, 16))
        self._timers[key] = asyncio.create_task(self._later(key, delay), name=f"backoff {key}")
        return delay

    def close(self) -> None:
        """Forget everything that waits."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    async def _later(self, key: str, delay: float) -> None:
        await self._clock.sleep(delay)
        del self._timers[key]
        self._enqueue(key)

    def _enqueue(self, key: str) -> None:
        if key not in self._queued:
            self._queued.add(key)
            self._ready.put_nowait(key)
