"""Waking: by Prefect's events at once, by a timer for runs that fall due, by polling as the fallback.

Events alone miss every run that Prefect's scheduler makes; polling alone is slow. A bell collects
all of them: however often it is rung while the agent is busy, it looks once more.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

import anyio
from prefect.events import Event
from prefect.events.clients import get_events_subscriber
from prefect.events.filters import EventAnyResourceFilter, EventFilter, EventNameFilter

from prefect_platform.agent.flow_run import FINAL_TYPES
from prefect_platform.agent.problems import Problems
from prefect_platform.errors import foreign

log = logging.getLogger("prefect_platform.agent")

DEBOUNCE = 0.02
"""Seconds between two looks at least: a burst of events is one reason to look."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 10.0
_PREFIX = "prefect.flow-run."


class Bell:
    """Something to wait for that many may ring."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._rung = anyio.Event()
        self._clock = clock
        self._last = float("-inf")

    def ring(self) -> None:
        self._rung.set()

    async def wait(self, seconds: float | None) -> bool:
        """Wait until it rings, at most `seconds`. True if it rang. The first ring counts at once;
        the next one is heard `DEBOUNCE` seconds after it."""
        with anyio.move_on_after(seconds):
            await self._rung.wait()
        rung = self._rung.is_set()
        if rung:
            await anyio.sleep(max(0.0, self._last + DEBOUNCE - self._clock()))
            self._last = self._clock()
            self._rung = anyio.Event()
        return rung


class Events:
    """Flow-run events of one work pool, for as long as it runs."""

    def __init__(
        self,
        api_url: str,
        problems: Problems,
        *,
        on_scheduled: Callable[[], None],
        on_end: Callable[[], None],
        on_cancelling: Callable[[str], None],
    ) -> None:
        """`on_scheduled` is called on every connection and whenever there may be a run to take, `on_end`
        whenever one came to its end, `on_cancelling` with the id of one that became Cancelling."""
        self._api_url = api_url
        self._problems = problems
        self._on_scheduled = on_scheduled
        self._on_end = on_end
        self._on_cancelling = on_cancelling

    async def listen(self, pool_id: str) -> None:
        """Subscribe, and again whenever the connection is gone. Never returns."""
        pause = _FIRST_PAUSE
        while True:
            began = time.monotonic()
            try:
                await self._listen_once(pool_id)
                why = "it closed the connection"
            except Exception as error:  # noqa: BLE001 - a websocket ends in many ways; polling goes on meanwhile
                why = foreign(str(error)) or type(error).__name__
            self._problems.open(
                "events", f"No events from Prefect ({why}); runs are found by polling until it is back."
            )
            pause = (
                _FIRST_PAUSE if time.monotonic() - began > _LONGEST_PAUSE else min(_LONGEST_PAUSE, 2 * pause)
            )
            await anyio.sleep(pause)

    async def _listen_once(self, pool_id: str) -> None:
        # `related` does not filter a live stream; `any_resource` does.
        wanted = EventFilter(
            event=EventNameFilter(prefix=[_PREFIX]),
            any_resource=EventAnyResourceFilter(id=[f"prefect.work-pool.{pool_id}"]),
        )
        async with get_events_subscriber(filter=wanted, reconnection_attempts=0) as events:
            self._problems.close("events")
            self._on_scheduled()
            async for event in events:
                self.hear(event)

    def hear(self, event: Event) -> None:
        kind = event.resource.get("prefect.state-type")
        if kind == "CANCELLING":
            self._on_cancelling(event.resource.id.removeprefix(_PREFIX))
        elif kind == "SCHEDULED":
            self._on_scheduled()
        elif kind in FINAL_TYPES or kind == "PAUSED":
            self._on_end()  # There may be room under a concurrency limit.
