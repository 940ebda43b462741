"""`ManualClock`: time that passes only when a test says so."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta


class ManualClock:
    """A `Clock` for tests. The machine may also sleep: then the day goes on and uptime does not."""

    def __init__(self) -> None:
        self._now = datetime(2026, 1, 1, tzinfo=UTC)
        self._uptime = 0.0
        self._sleepers: list[tuple[float, asyncio.Event]] = []

    def now(self) -> datetime:
        return self._now

    def uptime(self) -> float:
        return self._uptime

    async def sleep(self, seconds: float) -> None:
        event = asyncio.Event()
        self._sleepers.append((self._uptime + seconds, event))
        await event.wait()

    async def advance(self, seconds: float) -> None:
        """Let time pass, and let everybody run who waited for it."""
        self._now += timedelta(seconds=seconds)
        self._uptime += seconds
        for due, event in list(self._sleepers):
            if due <= self._uptime:
                self._sleepers.remove((due, event))
                event.set()
        for _ in range(10):
            await asyncio.sleep(0)

    def machine_sleeps(self, seconds: float) -> None:
        """The machine is suspended for a while."""
        self._now += timedelta(seconds=seconds)
