"""What Dask calls on a worker for every task run. Imports nothing of Prefect before the first of them."""

from __future__ import annotations

import sys
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")
KEPT = 32
"""Flow runs, and tasks, that a worker keeps ready."""


class Outcome:
    """The final state of a task run, as a worker keeps it. Dask sees how large its result is."""

    __slots__ = ("state",)

    def __init__(self, state: Any) -> None:
        self.state = state

    def __reduce__(self) -> tuple[Any, ...]:
        return Outcome, (self.state,)

    def __sizeof__(self) -> int:
        from dask.sizeof import sizeof

        data = self.state.data
        return 4096 + int(sizeof(getattr(data, "result", data)))


def execute(context: str, task: str, payload: bytes, *upstream: Outcome) -> Outcome:
    """Run one task run. `context` and `task` name parts that are fetched once."""
    from prefect_platform.dask_cluster import execution

    return execution.run(context, task, payload, tuple(outcome.state for outcome in upstream))


class Kept:
    """What was made from parts: each is fetched and made once a process, and the oldest is let go."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made: OrderedDict[str, Any] = OrderedDict()

    def get(self, digest: str, make: Callable[[], T]) -> T:
        with self._lock:
            if digest not in self._made:
                self._made[digest] = make()
                while len(self._made) > KEPT:
                    self._made.popitem(last=False)
            self._made.move_to_end(digest)
            found: T = self._made[digest]
            return found


async def flush() -> None:
    """Send the logs and events that wait in this process; nothing where no Prefect task ran."""
    import asyncio

    if "prefect_platform.dask_cluster.prefect_private" in sys.modules:
        from prefect_platform.dask_cluster.prefect_private import send_what_waits

        await asyncio.to_thread(send_what_waits)
