"""The controller: brings what is to what is wanted. Nothing lives in its memory alone.

A scan reads every workload that is not done, observes them all at once and puts those that need
something into a queue; a few workers take them from there. A scan comes at once when somebody says
that something changed, and in any case every `scan_seconds`, which is also all that a restart needs.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any

from sqlalchemy import select

from prefect_platform.backends.base import Backend
from prefect_platform.errors import PlatformError
from prefect_platform.server.controller import admission, sweeps
from prefect_platform.server.controller.clusters import ClusterKeeper
from prefect_platform.server.controller.jupyter import LOOK_SECONDS, JupyterWatch
from prefect_platform.server.controller.locks import LockLost, forget_all, held
from prefect_platform.server.controller.observing import Observer
from prefect_platform.server.controller.queue import WorkQueue
from prefect_platform.server.controller.reconcile import Step
from prefect_platform.server.controller.resources import Keeper
from prefect_platform.server.controller.silence import Silence
from prefect_platform.server.controller.starting import Starter, StartFailed
from prefect_platform.server.controller.steps import Reconciler
from prefect_platform.server.db.tables import WorkloadRow
from prefect_platform.server.services.parts import CLUSTERS, RESOURCES, WORKLOADS, Parts

logger = logging.getLogger(__name__)

ADMISSION = "admission"
"""The one key of the queue that is no workload's id."""
WORKERS = 4
STOP_SECONDS = 5.0
"""What is under way may take so long to finish when the controller stops."""
CHANGE_SECONDS = 30.0
KEEP_SECONDS = 0.5
"""How often resources are looked at that nobody told of: one whose start has ended, or is due."""
ORPHANS_SECONDS = 10.0
"""How often members are looked for whose cluster is gone."""
CAPACITY_SECONDS = 5.0
"""How often the size of the machine is asked for."""


class Controller:
    """Runs beside the server, one in each replica."""

    def __init__(self, parts: Parts, backend: Backend, *, workers: int = WORKERS) -> None:
        self._parts, self._backend, self._workers = parts, backend, workers
        self._queue = WorkQueue(parts.clock)
        self._silence = Silence()
        self._starter = Starter(parts, backend)
        self._observer = Observer(backend)
        self._keeper = Keeper(parts)
        self._clusters = ClusterKeeper(parts)
        self._jupyter = JupyterWatch(parts)
        self._reconciler = Reconciler(parts, backend, self._observer, self._silence, self._starter)
        self._measured: float | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._under_way: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Find out how much room there is, and begin."""
        await self._attempt("free old locks", lambda: forget_all(self._parts))
        await self._attempt("measure the machine", self._measure)
        loops = [
            self._scanning,
            self._admitting,
            self._keeping,
            self._keeping_clusters,
            self._looking_after_jupyter,
            self._watching,
            self._sweeping,
            *[self._working] * self._workers,
        ]
        self._tasks = [asyncio.create_task(loop(), name=f"controller{loop.__name__}") for loop in loops]

    async def stop(self) -> None:
        """Finish what is in the middle of something, and let go; whoever comes next goes on from the rows."""
        self._reconciler.stopping = True
        for tasks, seconds in ((self._tasks, 0.0), (list(self._under_way), STOP_SECONDS)):
            await _end(tasks, seconds)
        self._queue.close()
        await self._jupyter.aclose()
        self._tasks = []

    # Loops

    async def _scanning(self) -> None:
        with self._parts.wakeups.listen(WORKLOADS) as listener:
            while True:
                await self._attempt("scan the workloads", self._scan)
                await listener.wait(self._parts.config.runs.scan_seconds)

    async def _admitting(self) -> None:
        """Apart from the scan: a new attempt does not wait for a backend that is slow to answer."""
        with self._parts.wakeups.listen(WORKLOADS) as listener:
            while True:
                self._queue.put(ADMISSION)
                await listener.wait(self._parts.config.runs.scan_seconds)

    async def _keeping(self) -> None:
        with self._parts.wakeups.listen(RESOURCES) as listener:
            while True:
                await self._attempt("keep the resources", self._keeper.round)
                await listener.wait(min(self._parts.config.runs.scan_seconds, KEEP_SECONDS))

    async def _keeping_clusters(self) -> None:
        swept = self._parts.clock.uptime()
        with self._parts.wakeups.listen(CLUSTERS) as listener:
            while True:
                await self._attempt("keep the clusters", self._clusters.round)
                if self._parts.clock.uptime() - swept >= ORPHANS_SECONDS:
                    swept = self._parts.clock.uptime()
                    await self._attempt("sweep the clusters", self._clusters.sweep)
                await listener.wait(min(self._parts.config.runs.scan_seconds, KEEP_SECONDS))

    async def _looking_after_jupyter(self) -> None:
        while True:
            await self._attempt("look after the Jupyter servers", self._jupyter.round)
            await self._parts.clock.sleep(LOOK_SECONDS)

    async def _watching(self) -> None:
        while True:
            try:
                await self._backend.wait_for_change(CHANGE_SECONDS)
            except PlatformError:  # it tells of no changes now; the scan looks by itself
                logger.exception("The %s backend cannot be watched; again in a moment", self._backend.name)
                await self._parts.clock.sleep(self._parts.config.runs.scan_seconds)
            self._parts.wakeups.notify(WORKLOADS)

    async def _sweeping(self) -> None:
        while True:
            await self._attempt("sweep", lambda: sweeps.sweep(self._parts))
            await self._parts.clock.sleep(sweeps.SWEEP_SECONDS)

    async def _working(self) -> None:
        while True:
            key = await self._queue.get()
            try:
                await self._whole(self._work(key))
            except LockLost:
                self._queue.done(key)  # it is another controller's now, and the next scan looks again
            except StartFailed as error:
                logger.warning("%s is tried again in %.1f s: %s", key, self._queue.fail(key), error)
            except Exception:  # whatever fails for one workload, the others go on and it is tried again
                logger.exception("Work on %s failed; again in %.1f s", key, self._queue.fail(key))
            else:
                self._queue.done(key)

    async def _attempt(self, what: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Do one round of a loop. It fails when database or backend do, and the next may not."""
        try:
            await self._whole(work())
        except Exception:
            logger.exception("Could not %s; again in a moment", what)
            await self._parts.clock.sleep(self._parts.config.runs.scan_seconds)

    async def _whole(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something to its end even if this loop is cancelled: a transaction is not left half done."""
        task = asyncio.create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        await asyncio.shield(task)

    # One round of each

    async def _scan(self) -> None:
        await self._measure()
        rows = await self._open_rows()
        self._silence.forget_others(row.id for row in rows)
        seen = await self._observer.look(rows)
        for row in rows:
            step = self._reconciler.decide(row, seen.get(row.id))
            if step not in (None, Step.ADMIT):
                self._queue.put(row.id, self._reconciler.facts(row).mark)

    async def _open_rows(self) -> Sequence[WorkloadRow]:
        async with self._parts.database.reader() as session:
            return (await session.scalars(select(WorkloadRow).where(WorkloadRow.removed_at.is_(None)))).all()

    async def _measure(self) -> None:
        now = self._parts.clock.uptime()
        if self._measured is not None and now - self._measured < CAPACITY_SECONDS:
            return
        found = await self._backend.capacity([row.id for row in await self._open_rows() if row.handle])
        if found is None:
            self._parts.machine.set_unbounded()
        else:
            self._parts.machine.set(
                found.cores, found.memory_bytes, found.gpus, found.gpu_problem, gpus_known=found.gpus_known
            )
        self._measured = now

    async def _work(self, key: str) -> None:
        if key == ADMISSION:
            await self._admit()
        else:
            await held(self._parts, key, self._reconciler.work)

    async def _admit(self) -> None:
        if self._starter.full or not self._parts.machine.known:
            return
        for row in await admission.admit(self._parts):
            self._queue.put(row.id, self._reconciler.facts(row).mark)


async def _end(tasks: Iterable[asyncio.Task[None]], seconds: float) -> None:
    """Wait for tasks, cancel what has not ended after `seconds`, and wait for that."""
    pending = set(tasks)
    while pending:  # a wait that ends at the same moment may swallow a cancel
        if seconds > 0:
            _, pending = await asyncio.wait(pending, timeout=seconds)
        for task in pending:
            task.cancel()
        if pending:
            _, pending = await asyncio.wait(pending, timeout=1.0)
    await asyncio.gather(*tasks, return_exceptions=True)
