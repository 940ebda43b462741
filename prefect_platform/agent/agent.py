"""One agent: its parts put together, and the loops that keep them going until they are cancelled.

The agent holds nothing that it could not read again: what is to be done stands with Prefect and
with the platform. So it may be killed at any time, and several may serve one pool.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, TypeVar

import anyio
import anyio.abc
import prefect

from prefect_platform._version import __version__
from prefect_platform.agent.adoption import Adoption
from prefect_platform.agent.cancellation import Cancellation
from prefect_platform.agent.outbox import Outbox
from prefect_platform.agent.pickup import Pickup, Pool
from prefect_platform.agent.platform import Platform
from prefect_platform.agent.prefect_api import PrefectApi
from prefect_platform.agent.prefect_http import PrefectHttp, open_http
from prefect_platform.agent.problems import Problems
from prefect_platform.agent.results_block import ResultsBlock
from prefect_platform.agent.running import Running
from prefect_platform.agent.wake import Bell, Events
from prefect_platform.errors import PlatformError, Unavailable, UsageError
from prefect_platform.wire.agents import AgentReport
from prefect_platform.wire.runs import Attempt, Work

log = logging.getLogger("prefect_platform.agent")

Answer = TypeVar("Answer")

POLL_SECONDS = 5.0
"""Looking without a reason: what events and timer missed is found this late at most."""
REPORT_SECONDS = 5.0
SWEEP_SECONDS = 30.0
PRESENCE_SECONDS = 25.0
"""Prefect shows queues and deployments as not ready after a minute without a worker's poll."""
WORK_WAIT_SECONDS = 25.0
_LONGEST_PAUSE = 5.0
_LONGEST_START_PAUSE = 1.0
"""Whoever starts a platform waits for this agent, and it for a Prefect that is just starting."""


class PlatformAgent:
    """Serves one work pool for one project.

    `serve` runs until it is cancelled, and survives every outage of Prefect and of the platform.
    """

    def __init__(
        self,
        platform: Platform,
        *,
        work_pool: str | None = None,
        queues: Sequence[str] = (),
        limit: int | None = None,
        poll_seconds: float = POLL_SECONDS,
        sweep_seconds: float = SWEEP_SECONDS,
    ) -> None:
        """`work_pool` is the pool that somebody asked this agent to serve: it must be the platform's
        for it."""
        self._platform = platform
        self._asked_pool = work_pool
        self._queues = queues
        self._limit = limit
        self._poll_seconds = poll_seconds
        self._sweep_seconds = sweep_seconds
        self._pool_name = work_pool or "unknown"
        self._pickup: Pickup | None = None
        self._reported = anyio.Event()
        self.problems = Problems()
        self.bell = Bell()
        self.running = Running()
        self._started_at = datetime.now(UTC)
        self._agreed_at: datetime | None = None
        self.let_in = anyio.Event()
        """Set once Prefect has taken our credentials and has the pool."""
        self.ready = anyio.Event()
        """Set once the pool is served and Prefect was looked at for the first time."""

    async def serve(self) -> None:
        """Serve the pool.

        Raises:
            UsageError: this agent was asked to serve a pool that is not the platform's.
            NotSignedIn, Forbidden: the platform does not accept its token.
        """
        async with open_http() as http:
            prefect_http = PrefectHttp(http, self.problems)
            try:
                await self._serve(PrefectApi(prefect_http), ResultsBlock(prefect_http))
            finally:
                await prefect_http.drain()

    async def _serve(self, api: PrefectApi, results: ResultsBlock) -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._keep_reporting)
            agent = await self._insist("platform", lambda: self._platform.report(self._report()))
            pool = await self._insist("platform", self._platform.work_pool)
            self._check_pool(pool.name)
            pool_id = await self._insist("prefect", lambda: api.serve_pool(pool.name, pool.base_job_template))
            await self._insist("prefect", lambda: api.keep_queues(pool.name, pool.queues))
            self.let_in.set()
            keep_results = partial(self._keep_results, results, pool.results_block, agent.project)
            await keep_results()
            served = Pool(pool.name, self._queues)
            self._pickup = pickup = Pickup(
                agent, served, api, self._platform, self.problems, tasks, self._got, limit=self._room
            )
            self._api = api
            self._tasks = tasks
            self._cancellation = Cancellation(
                api,
                self._platform,
                open_attempt=self.running.open_attempt,
                being_claimed=lambda flow_run_id: flow_run_id in pickup.slots,
            )
            self._outbox = Outbox(api, self._platform, self.problems, tasks, self._cancellation.nested)
            events = Events(
                api.address,
                self.problems,
                on_scheduled=self.bell.ring,
                on_end=self._room_made,
                on_cancelling=self._heard_cancelling,
            )
            log.info("Agent %s serves work pool %s of %s", agent.name, pool.name, api.address)
            tasks.start_soon(events.listen, pool_id)
            tasks.start_soon(self._keep_working)
            tasks.start_soon(self._keep_sweeping, Adoption(agent.id, api, self._platform, pickup))
            tasks.start_soon(self._keep_doing, keep_results)
            tasks.start_soon(self._keep_present, pickup)
            await self._keep_looking(pickup)

    async def _keep_results(self, block: ResultsBlock, name: str, project: str) -> None:
        """Before the first run is taken, and again and again: runs that do not find the block fail."""
        if name:
            with self.problems.watch("results"):
                await self._insist("prefect", lambda: block.keep(name, project))

    def _check_pool(self, name: str) -> None:
        if self._asked_pool not in (None, name):
            raise UsageError(
                f"The platform has work pool {name!r} for this agent, not {self._asked_pool!r}. "
                "Start it with that pool."
            )
        self._pool_name = name

    async def _insist(self, subject: str, ask: Callable[[], Awaitable[Answer]]) -> Answer:
        """Ask until there is an answer; refusals are raised."""
        pause = 0.2
        while True:
            try:
                answer = await ask()
            except Unavailable as error:
                self.problems.open(subject, error.message)
                await anyio.sleep(pause)
                pause = min(_LONGEST_START_PAUSE, 2 * pause)
            else:
                self.problems.close(subject)
                return answer

    def _room(self) -> int | None:
        return None if self._limit is None else max(0, self._limit - len(self.running))

    # What may be taken.

    async def _keep_looking(self, pickup: Pickup) -> None:
        while True:
            await self.look()
            if not self.ready.is_set():
                self.ready.set()
                self._reported.set()
            due = pickup.schedule.seconds_to_next(pickup.now(), pickup.start_up.lead)
            await self.bell.wait(self._poll_seconds if due is None else min(self._poll_seconds, due))

    async def look(self) -> None:
        """Look once for runs to take, and start taking them."""
        if self._pickup is not None:
            with self.problems.watch("prefect"):
                await self._pickup.look()

    async def idle(self) -> None:
        """Wait until every claim under way has its attempt."""
        if self._pickup is not None:
            await self._pickup.slots.empty()

    async def _got(self, attempt: Attempt) -> None:
        self.running.got(attempt)
        if self.running.was_cancelled(attempt.flow_run_id):
            self._start("cancelling", lambda: self._cancellation.from_prefect(attempt.flow_run_id))
        if attempt.workload.ended_at is not None:
            self._outbox.take([attempt], [])
        with self.problems.watch("prefect"):
            await self._api.note_attempt(attempt.flow_run_id, attempt.id)
            if attempt.page is not None and attempt.number == 1:
                await self._api.note_page(attempt.flow_run_id, attempt.page)

    # What the platform has for us.

    async def _keep_working(self) -> None:
        cursor: str | None = None
        pause = 0.2
        while True:
            try:
                work = await self._platform.work(cursor, WORK_WAIT_SECONDS)
            except PlatformError as error:
                cursor = None
                self.problems.open("work", f"The platform does not tell what there is to do: {error.message}")
                await anyio.sleep(pause)
                pause = min(_LONGEST_PAUSE, 2 * pause)
                continue
            pause = 0.2
            self.problems.close("work")
            if work.cursor != cursor:
                self._act_on(work)
                self._room_made()
            cursor = work.cursor

    def _room_made(self) -> None:
        """Something ended here or in Prefect: look again, if the last look left anything."""
        if self._pickup is not None and self._pickup.left_some:
            self.bell.ring()

    def _act_on(self, work: Work) -> None:
        self._outbox.take(work.unsettled, work.open)
        if self._pickup is not None:
            for attempt in (*work.open, *work.unsettled):
                self._pickup.latencies.see(attempt)
        for seconds in self.running.now(work):
            if self._pickup is not None:
                self._pickup.start_up.saw(seconds)
        if work.cancel:
            self._start("cancelling", lambda: self._cancellation.from_platform(work.cancel))

    # What is cancelled or orphaned.

    def _heard_cancelling(self, flow_run_id: str) -> None:
        self.running.cancelled(flow_run_id)
        self._start("cancelling", lambda: self._cancellation.from_prefect(flow_run_id))

    async def _keep_present(self, pickup: Pickup) -> None:
        while True:
            with self.problems.watch("prefect"):
                await pickup.show_presence()
            await anyio.sleep(PRESENCE_SECONDS)

    async def _keep_sweeping(self, adoption: Adoption) -> None:
        while True:
            with self.problems.watch("sweep"):
                work = await self._platform.work(None, 0.0)
                self._act_on(work)
                await self._cancellation.sweep(self._pool_name, [one.flow_run_id for one in work.open])
                await adoption.sweep(self._pool_name)
                self._agreed_at = datetime.now(UTC)
            await anyio.sleep(self._sweep_seconds)

    async def _keep_doing(self, act: Callable[[], Awaitable[None]]) -> None:
        while True:
            await anyio.sleep(self._sweep_seconds)
            await act()

    def _start(self, subject: str, act: Callable[[], Awaitable[None]]) -> None:
        """Do something beside the loops; what fails is done again by the next sweep."""

        async def guarded() -> None:
            with self.problems.watch(subject):
                await act()

        self._tasks.start_soon(guarded)

    # What is told of this agent.

    async def _keep_reporting(self) -> None:
        while True:
            with anyio.move_on_after(REPORT_SECONDS):
                await self._reported.wait()
            self._reported = anyio.Event()
            with self.problems.watch("report"):
                await self._platform.report(self._report())

    def _report(self) -> AgentReport:
        pickup = self._pickup
        return AgentReport(
            version=__version__,
            prefect_version=prefect.__version__,
            work_pool=self._pool_name,
            started_at=self._started_at,
            last_agreed_at=self._agreed_at,
            last_poll_at=pickup.last_poll_at if pickup else None,
            last_pickup_at=pickup.last_pickup_at if pickup else None,
            problem=self.problems.sentence(),
            problem_since=self.problems.since,
            **_told(pickup),
        )

    @property
    def polls_since(self) -> timedelta | None:
        """How long ago Prefect was looked at last; None before the first time."""
        pickup = self._pickup
        return None if pickup is None or pickup.last_poll_at is None else pickup.now() - pickup.last_poll_at


def _told(pickup: Pickup | None) -> dict[str, Any]:
    """What the looks have found, once there was one."""
    if pickup is None or pickup.last_poll_at is None:
        return {}
    late = pickup.late
    return {
        "late_runs": late.count,
        "late_since": late.since,
        "late_reason": late.reason,
        "pickup_seconds": pickup.latencies.buckets(),
    }
