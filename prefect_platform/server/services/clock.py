"""`Clock`: the time of day for people, and the platform's own uptime for silence."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    def now(self) -> datetime:
        """The time of day, aware, in UTC."""
        ...

    def uptime(self) -> float:
        """Seconds that only pass while this machine is awake: what silence is measured by."""
        ...

    async def sleep(self, seconds: float) -> None: ...


class SystemClock:
    """The machine's clocks. On Linux the monotonic clock stands still during suspend."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def uptime(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
