"""Submissions wait for a Prefect server that cannot keep up, so that it records every task run.

Prefect's own server keeps 10,000 events that it has not recorded yet and drops what comes on top
(`prefect/server/utilities/messaging/memory.py`). A task run is three events. On a small machine a server
records some fifty task runs a second, and a cluster does more.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

import httpx

FREE = 1000
"""Submissions of a flow run that are never waited with: no server is overrun by them."""
EVERY = 100
"""Submissions between two looks at what was recorded; also `LOOK_SECONDS` pass."""
LOOK_SECONDS = 1.0
MOST_UNKNOWN = 2500
"""Task runs that were submitted, and that Prefect does not know of yet."""
MOST_UNENDED = 1000
"""Task runs that have ended, and of whose end Prefect does not know yet. Their events come faster than those
of submissions where a cluster is large, and after them, so fewer may wait."""
STILL_SECONDS = 30.0
"""A server that records nothing for so long is not waited for any more."""


@dataclass(frozen=True)
class Recorded:
    """Task runs of a flow run in Prefect."""

    known: int
    ended: int


class Pace:
    """Of one flow run."""

    def __init__(
        self,
        ask: Callable[[], Recorded],
        logger: logging.Logger | logging.LoggerAdapter[logging.Logger],
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self.submitted = 0
        self._ask, self._logger, self._clock, self._wait = ask, logger, clock, wait
        self._next_look = 0.0
        self._waited = self._given_up = False

    def step(self, ended: Callable[[], int]) -> None:
        """A task run was submitted; `ended` counts those that have ended. Returns when more may be."""
        self.submitted += 1
        if self.submitted < FREE or self.submitted % EVERY or self._given_up:
            return
        if self._clock() >= self._next_look:
            self._hold(ended)
            self._next_look = self._clock() + LOOK_SECONDS

    def _hold(self, ended: Callable[[], int]) -> None:
        last, since = None, self._clock()
        while (found := self._look()) is not None and not self._keeps_up(found, ended()):
            self._say()
            if found != last:
                last, since = found, self._clock()
            elif self._clock() - since > STILL_SECONDS:
                self._give_up(found)
                return
            self._wait(LOOK_SECONDS)

    def _look(self) -> Recorded | None:
        try:
            return self._ask()
        except httpx.HTTPError as error:
            self._logger.warning("Prefect could not be asked how many task runs it has recorded: %s", error)
            return None

    def _keeps_up(self, found: Recorded, ended: int) -> bool:
        return self.submitted - found.known <= MOST_UNKNOWN and ended - found.ended <= MOST_UNENDED

    def _say(self) -> None:
        if not self._waited:
            self._waited = True
            self._logger.info(
                "Prefect's server records task runs more slowly than they are done: submissions wait for it "
                "from time to time, so that none is missing there."
            )

    def _give_up(self, found: Recorded) -> None:
        self._given_up = True
        self._logger.warning(
            "Prefect's server has recorded nothing of this flow run for %g s, and knows %d of %d task runs. "
            "Submissions wait for it no more; some task runs may be missing there.",
            STILL_SECONDS,
            found.known,
            self.submitted,
        )
