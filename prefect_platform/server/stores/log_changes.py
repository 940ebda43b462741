"""Telling those who wait in this process that a workload's log changed."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable

POLL_SECONDS = 0.5
"""How often a store whose bytes another process may write is looked at."""


class Changes:
    """Events by workload. Told on the event loop, never from a thread."""

    def __init__(self) -> None:
        self._waiting: dict[str, set[asyncio.Event]] = defaultdict(set)

    def tell(self, workload_id: str) -> None:
        for event in self._waiting.get(workload_id, ()):
            event.set()

    async def watch(
        self, workload_id: str, look: Callable[[], Awaitable[Hashable]] | None = None
    ) -> AsyncIterator[None]:
        """Yields at once and after every change, until closed.

        `look` says what the workload looks like now: a store that other processes write to is
        asked for it now and then.
        """
        event = asyncio.Event()
        self._waiting[workload_id].add(event)
        try:
            seen = await look() if look else None
            yield
            while True:
                told = await _told(event, POLL_SECONDS if look else None)
                event.clear()
                found = await look() if look else None
                if told or found != seen:
                    seen = found
                    yield
        finally:
            self._waiting[workload_id].discard(event)
            if not self._waiting[workload_id]:
                del self._waiting[workload_id]


async def _told(event: asyncio.Event, timeout: float | None) -> bool:
    try:
        await asyncio.wait_for(event.wait(), timeout)
    except TimeoutError:
        return False
    return True
