"""Sends what the outbox holds, and looks after agents, in the background while the server runs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from prefect_platform.server.services import notification_delivery
from prefect_platform.server.services.agent_watch import AgentWatch
from prefect_platform.server.services.parts import Parts

EVERY_SECONDS = 2.0
LOOK_SECONDS = 15.0
"""Between two looks at the agents."""
PARALLEL = 8
"""Rules that are sent for at once."""

_log = logging.getLogger(__name__)


@asynccontextmanager
async def notifier(parts: Parts) -> AsyncIterator[None]:
    """Send while the block runs. What is on its way at the end is sent again by the next server."""
    await notification_delivery.forget_claims(parts)
    running = Notifier(parts)
    task = asyncio.create_task(running.run(), name="notifier")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await running.stop()


class Notifier:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._watch = AgentWatch(parts)
        self._looked: float | None = None
        self._turns: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        while True:
            try:
                await self.round()
            except Exception:  # noqa: BLE001 - what failed once is tried again; the rest of the server goes on
                _log.exception("notifications failed; they are tried again")
            await self._parts.clock.sleep(EVERY_SECONDS)

    async def round(self) -> None:
        """Look after agents, and begin a turn for each rule that has something due and none under way."""
        uptime = self._parts.clock.uptime()
        if self._looked is None or uptime - self._looked >= LOOK_SECONDS:
            self._looked = uptime
            await self._watch.look()
        for rule_id in await notification_delivery.due(self._parts):
            if rule_id not in self._turns and len(self._turns) < PARALLEL:
                self._turns[rule_id] = asyncio.create_task(self._turn(rule_id), name="notification")

    async def _turn(self, rule_id: str) -> None:
        try:
            await notification_delivery.deliver(self._parts, rule_id)
        except Exception:  # noqa: BLE001 - the claim is free or expires: a later turn goes on
            _log.exception("The turn of notification rule %s failed", rule_id)
        finally:
            del self._turns[rule_id]

    async def stop(self) -> None:
        """End the turns that are under way."""
        turns = list(self._turns.values())
        for turn in turns:
            turn.cancel()
        await asyncio.gather(*turns, return_exceptions=True)
