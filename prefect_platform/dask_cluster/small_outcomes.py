"""Small outcomes of task runs come to the flow by themselves, with the news that they are there.

Asking for each costs two round trips, from the flow to the scheduler and from there to a worker. What is
sent stays on its worker too: tasks take it from there, and so does a flow to which it did not come.
"""

from __future__ import annotations

import pickle
import weakref
from typing import Any, Protocol

import distributed

from prefect_platform.dask_cluster import dask_private
from prefect_platform.dask_cluster.pickling import PROTOCOL
from prefect_platform.dask_cluster.worker_side import Outcome

MOST_BYTES = 4096
"""Of an outcome that is sent. Some thousands that nobody asks for are some MiB in the flow then."""
MESSAGE = "prefect_platform_outcome"


class Expecting(Protocol):
    """Who an outcome is for."""

    def arrived(self, outcome: bytes | None) -> None: ...


class Arrivals:
    """Gives what comes to a client to those who expect it. They are not kept alive by that."""

    _of: weakref.WeakKeyDictionary[distributed.Client, Arrivals] = weakref.WeakKeyDictionary()

    def __init__(self) -> None:
        self._expecting: weakref.WeakValueDictionary[str, Expecting] = weakref.WeakValueDictionary()

    @classmethod
    def at(cls, client: distributed.Client) -> Arrivals:
        """Those of this client, whichever runner it serves."""
        if client not in cls._of:
            cls._of[client] = made = cls()
            dask_private.on_message(client, MESSAGE, made._take)
        return cls._of[client]

    def expect(self, key: str, who: Expecting) -> None:
        self._expecting[key] = who

    def _take(self, key: str, outcome: bytes | None) -> None:
        who = self._expecting.get(key)
        if who is not None:
            who.arrived(outcome)


def send(worker: Any, client: str, key: str, outcome: Outcome) -> None:
    """From a worker to a client, if it is small. If not, that is said: one that was sent by a worker that was
    lost with it does not hold any more."""
    dask_private.tell_scheduler(worker, MESSAGE, {"client": client, "key": key, "outcome": _small(outcome)})


def _small(outcome: Outcome) -> bytes | None:
    # what is in memory may be far larger than what travels, and never much smaller
    if outcome.__sizeof__() > 2 * MOST_BYTES:
        return None
    try:
        data = pickle.dumps(outcome, protocol=PROTOCOL)
    except Exception:  # noqa: BLE001 - it goes the way that Dask asks for it, which says what is wrong
        return None
    return data if len(data) <= MOST_BYTES else None


def received(data: bytes) -> Outcome:
    """The same in the flow."""
    outcome: Outcome = pickle.loads(data)  # noqa: S301 - from this run's workers, over its own cluster
    return outcome
