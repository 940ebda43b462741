"""The steward of a cluster: tells the platform how its scheduler does, and does what is wanted of it.

The platform starts workers. Which of them go, and when, only the scheduler can say: it moves what they hold
to others first, and lets none go that has something to do while others have not.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from distributed import Scheduler, SchedulerPlugin
from distributed.deploy.adaptive_core import AdaptiveCore

from prefect_platform.dask_cluster.member import group_of
from prefect_platform.errors import PlatformError
from prefect_platform.wire.clusters import MOST_WAIT_SECONDS, SchedulerOrders, SchedulerReport
from prefect_platform.wire.dask_spec import AdaptRange

if TYPE_CHECKING:
    from prefect_platform.client.api import PlatformClient

logger = logging.getLogger("prefect_platform.dask_cluster")

AGAIN_SECONDS = 1.0
"""After a platform that did not answer."""
ADAPT_SECONDS = 1.0
"""How often the number of workers is thought of while it adapts."""
TTL = "check-worker-ttl"
"""What the reason of a worker begins with that was not heard of for too long."""


class Steward:
    """Serves one scheduler."""

    def __init__(self, scheduler: Scheduler, client: PlatformClient, workload_id: str) -> None:
        self._scheduler, self._client, self._workload_id = scheduler, client, workload_id
        self._changed, self._came = asyncio.Event(), asyncio.Event()
        self._known: int | None = None
        self._wanted: int | None = None
        """Workers that are wanted, as the platform last said, or as the adaptive rule has told it."""
        self._lost: list[str] = []
        self._leaving: set[str] = set()
        self._adaptive: Adaptive | None = None
        self.plugin = Watcher(self.note)

    def note(self, lost: str | None = None) -> None:
        """The workers have changed; one may have been given up."""
        if lost is not None:
            self._lost.append(lost)
        self._changed.set()
        self._came.set()

    @property
    def workers(self) -> set[str]:
        """Workers that are ready, and not about to leave."""
        found = {group_of(one.name) for one in self._scheduler.workers.values()}
        return found - self._leaving

    async def serve(self) -> None:
        """For ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow())
            group.create_task(self._report())
            group.create_task(self._trim())
            group.create_task(self._adapt())

    async def tell_idle(self) -> None:
        """The scheduler has ended by itself, for want of work."""
        await asyncio.to_thread(self._client.clusters.report, self._workload_id, SchedulerReport(idle=True))

    def want(self, n_workers: int) -> None:
        """The adaptive rule asks for so many."""
        self._wanted = n_workers
        self._changed.set()

    async def _follow(self) -> None:
        """Wait for orders, and do them."""
        while True:
            orders = await self._told(wait=MOST_WAIT_SECONDS, known=self._known)
            if orders is not None and orders.revision != self._known:
                self._known = orders.revision
                await self._do(orders)

    async def _report(self) -> None:
        """Tell at once what has changed."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            lost, self._lost = self._lost, []
            if await self._told(lost=lost) is None:
                self._lost = [*lost, *self._lost]
                self._changed.set()

    async def _trim(self) -> None:
        """Let go who comes after fewer were wanted."""
        while True:
            await self._came.wait()
            self._came.clear()
            if self._wanted is not None:
                await self._retire(len(self.workers) - self._wanted)

    async def _told(
        self, *, wait: float = 0.0, known: int | None = None, lost: Iterable[str] = ()
    ) -> SchedulerOrders | None:
        """One report and its answer; None where the platform does not answer."""
        report = SchedulerReport(
            known=known,
            wait=wait,
            address=self._scheduler.address,
            dashboard_address=_dashboard_address(self._scheduler),
            workers=len(self.workers),
            wanted=self._wanted if self._adaptive is not None else None,
            lost=list(lost)[-100:],
        )
        try:
            return await asyncio.to_thread(self._client.clusters.report, self._workload_id, report)
        except PlatformError as error:
            logger.warning("The platform could not be told of the workers; again in a moment: %s", error)
            await asyncio.sleep(AGAIN_SECONDS)
            return None

    async def _do(self, orders: SchedulerOrders) -> None:
        if orders.adapt is None:
            self._adaptive = None
        elif self._adaptive is None or self._adaptive.bounds != orders.adapt:
            self._adaptive = Adaptive(self._scheduler, self, orders.adapt)
        self._wanted = orders.n_workers
        await self._retire(len(self.workers) - orders.n_workers)

    async def _retire(self, count: int) -> None:
        """Let so many workers go of those that have nothing to do, with the least to move; that is moved
        first. One that works is left until it has done: a task that runs on it would be lost, and its run
        with it."""
        names = set(self._idle()[: max(0, count)])
        self._leaving |= names
        going = [key for key, one in self._scheduler.workers.items() if group_of(one.name) in names]
        if going:
            logger.info("Workers leave, as fewer are wanted: %s", ", ".join(sorted(names)))
            await self._scheduler.retire_workers(workers=going, close_workers=True, remove=True)
            self.note()

    def _idle(self) -> list[str]:
        """Workers without a task, those with the least data first."""
        groups: dict[str, list[Any]] = defaultdict(list)
        for one in self._scheduler.workers.values():
            groups[group_of(one.name)].append(one)
        idle = [
            (sum(one.nbytes for one in ones), name)
            for name, ones in groups.items()
            if name not in self._leaving and not any(one.processing or one.long_running for one in ones)
        ]
        return [name for _, name in sorted(idle)]

    async def _adapt(self) -> None:
        while True:
            await asyncio.sleep(ADAPT_SECONDS)
            if self._wanted is not None:
                await self._retire(len(self.workers) - self._wanted)
            if self._adaptive is not None:
                await self._adaptive.adapt()


class Adaptive(AdaptiveCore):
    """Dask's own rule for how many workers there should be, with its patience before it lets any go."""

    def __init__(self, scheduler: Scheduler, steward: Steward, bounds: AdaptRange) -> None:
        super().__init__(minimum=bounds.minimum, maximum=bounds.maximum)
        self.bounds = bounds
        self._scheduler, self._steward = scheduler, steward

    @property
    def plan(self) -> set[Any]:
        return set(range(self._steward._wanted or 0))  # noqa: SLF001 - one thing in two classes

    @property
    def requested(self) -> set[Any]:
        return self.plan

    @property
    def observed(self) -> set[Any]:
        return self.plan

    async def target(self) -> int:
        return int(self._scheduler.adaptive_target())

    async def workers_to_close(self, target: int) -> list[Any]:
        return sorted(self.plan)[target:]

    async def scale_up(self, n: int) -> None:  # type: ignore[override]  # as AdaptiveCore calls it
        self._steward.want(n)

    async def scale_down(self, workers: Iterable[Any]) -> None:  # type: ignore[override]
        self._steward.want(len(self.plan) - len(list(workers)))


class Watcher(SchedulerPlugin):
    """Hears of workers that come and go."""

    name = "prefect-platform-steward"

    def __init__(self, note: Callable[..., None]) -> None:
        self._note = note
        self._names: dict[str, str] = {}
        """Of workers by their address: Dask tells of one that is gone by that alone."""

    def add_worker(self, scheduler: Scheduler, worker: str) -> None:
        self._names[worker] = group_of(scheduler.workers[worker].name)
        self._note()

    def remove_worker(self, scheduler: Scheduler, worker: str, *, stimulus_id: str, **kwargs: Any) -> None:
        name = self._names.pop(worker, None)
        self._note(name if stimulus_id.startswith(TTL) else None)


def _dashboard_address(scheduler: Scheduler) -> str | None:
    server = getattr(scheduler, "http_server", None)
    port = getattr(server, "port", None)
    return f"http://127.0.0.1:{port}" if port else None
