"""On the scheduler: who began which task run, and what workers need once. One thread, so it is exact.

Dask runs a task again when its worker is lost. Whether the user's function may run again is Prefect's to
say, so every execution is asked for here first, in the moment before the user's function is called. The
first worker that asks has the execution; another one is told what became of it. A worker that was thought
lost and still runs is told so too.

Parts are bytes that many tasks need: a worker fetches each once. All that is kept here goes with the
client or the key that it belongs to.
"""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from distributed.diagnostics.plugin import SchedulerPlugin

from prefect_platform.dask_cluster import dask_private, small_outcomes


@dataclass
class Begun:
    """An execution of the user's function that a worker was given."""

    holder: str
    """The call on a worker that has it; two calls of one task run differ."""
    executions: int
    worker: dict[str, Any]
    address: str
    finished: bool = False
    former: frozenset[str] = frozenset()
    """Calls that had it before; one of them may still run on a worker that was thought lost."""
    lost_at: float | None = None
    lost_how: str | None = None


@dataclass
class _Client:
    parts: dict[str, bytes] = field(default_factory=dict)


class Ledger(SchedulerPlugin):
    """See the module. Installed once a scheduler, by the first runner that connects."""

    name = "prefect-platform-ledger"
    idempotent = True

    def __init__(self) -> None:
        self._begun: dict[str, Begun] = {}
        self._ended: set[str] = set()
        self._clients: dict[str, _Client] = defaultdict(_Client)
        self._scheduler: Any = None

    async def start(self, scheduler: Any) -> None:
        self._scheduler = scheduler
        dask_private.add_handlers(
            scheduler,
            {
                "prefect_platform_begin": self.begin,
                "prefect_platform_end": self.end,
                "prefect_platform_put": self.put,
                "prefect_platform_get": self.get,
            },
        )
        dask_private.pass_on(scheduler, small_outcomes.MESSAGE)

    def put(self, client: str, digest: str, data: bytes) -> None:
        """Keep a part for the workers, as long as the client is connected."""
        self._clients[client].parts[digest] = data

    def get(self, digest: str) -> bytes | None:
        """A part, of whichever client it is: its name is the digest over it."""
        return next((c.parts[digest] for c in self._clients.values() if digest in c.parts), None)

    def begin(self, key: str, holder: str, worker: str) -> dict[str, Any]:
        """Ask for one execution. `granted`, or what became of the execution that went before."""
        if key in self._ended or key not in self._scheduler.tasks:  # nobody waits for it any more
            return {"granted": False, "ended": True}
        begun = self._begun.get(key)
        if begun is None or begun.holder == holder:
            return self._grant(key, holder, worker, begun)
        if holder in begun.former or (begun.lost_at is None and not begun.finished):
            return {"granted": False, "ended": False, "held_by": begun.worker, "executions": begun.executions}
        self._begun[key] = Begun(
            holder, begun.executions, self._known(worker), worker, former=begun.former | {begun.holder}
        )
        return {"granted": False, "ended": False, "lost": begun.worker, "executions": begun.executions} | {
            "finished": begun.finished,
            "lost_at": begun.lost_at,
            "how": begun.lost_how,
        }

    def _grant(self, key: str, holder: str, worker: str, begun: Begun | None) -> dict[str, Any]:
        executions = begun.executions + 1 if begun else 1
        former = begun.former if begun else frozenset[str]()
        self._begun[key] = Begun(holder, executions, self._known(worker), worker, former=former)
        # From here on the task's own retries say how often it may lose its worker, not the scheduler.
        dask_private.forgive(self._scheduler, key)
        return {"granted": True, "executions": executions}

    def _known(self, worker: str) -> dict[str, Any]:
        return dask_private.worker_facts(self._scheduler, worker)

    def end(self, keys: list[str]) -> list[str]:
        """Let none of these begin any more; those that have begun already are the answer."""
        begun = [key for key in keys if key in self._begun]
        self._ended.update(k for k in keys if k not in self._begun and k in self._scheduler.tasks)
        return begun

    def transition(self, key: Any, start: str, finish: str, *args: Any, **kwargs: Any) -> None:
        """Dask's word on a key: it finished, or nobody wants it any more."""
        if finish == "forgotten":
            self._begun.pop(key, None)
            self._ended.discard(key)
        elif finish == "memory" and start == "processing" and key in self._begun:
            self._begun[key].finished = True

    def remove_worker(self, scheduler: Any, worker: str, *, stimulus_id: str, **kwargs: Any) -> None:
        """Write down what is known of a worker's end, for those who will ask."""
        for begun in self._begun.values():
            if begun.address == worker and begun.lost_at is None:
                begun.lost_at, begun.lost_how = time.time(), stimulus_id

    def remove_client(self, scheduler: Any, client: str) -> None:
        self._clients.pop(client, None)
