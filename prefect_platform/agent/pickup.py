"""Taking flow runs: capacity first, then what is due, then the claim, then the attempt.

No more is claimed than the platform has room for. A claim is given back only when the platform
refuses it for certain; while the platform does not answer it is held and asked for again, since an
attempt may exist already and two of one run must never be.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import anyio
import anyio.abc

from prefect_platform.agent.claims import Claim, Judgement, claim, give_back, transition_id
from prefect_platform.agent.flow_run import FlowRun
from prefect_platform.agent.latency import Latencies
from prefect_platform.agent.platform import Platform
from prefect_platform.agent.prefect_api import PrefectApi, Proposal, Rules
from prefect_platform.agent.problems import Problems
from prefect_platform.agent.schedule import LOOK_AHEAD, Schedule, SetAside, StartUp
from prefect_platform.agent.slots import Slots
from prefect_platform.errors import InternalError, NotFound, PlatformError, Unavailable, UsageError
from prefect_platform.wire.agents import Agent
from prefect_platform.wire.runs import Attempt, AttemptRequest

log = logging.getLogger("prefect_platform.agent")

_CLAIMS_AT_ONCE = 2
"""Prefect on SQLite writes one at a time; more at once only wait for each other's locks."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 10.0
_RULES_SECONDS = 1.0
"""How late a pause or a limit set in Prefect takes effect."""
_LATE = timedelta(seconds=15)
"""A run that is due for so long should have been taken."""
_FOREIGN_PAUSE = 60.0
"""Seconds until a run that is not for this agent is looked at again: its deployment may change."""


@dataclass(frozen=True)
class Free:
    """How many runs may be taken now."""

    runs: int = 0
    children: int = 0
    """Runs that an open run started and waits for: there may be room for these alone."""

    def share(self, wanted: list[tuple[FlowRun, str]]) -> list[tuple[FlowRun, str]]:
        """Those of `wanted` that there is room for, in their order."""
        taken: list[tuple[FlowRun, str]] = []
        for run, version in wanted:
            most = self.runs if run.parent_task_run_id is None else max(self.runs, self.children)
            if len(taken) < most:
                taken.append((run, version))
        return taken


@dataclass(frozen=True)
class Late:
    """Runs that wait longer than they should."""

    count: int
    since: datetime | None = None
    reason: str | None = None


@dataclass(frozen=True)
class Pool:
    """The work pool and queues to serve."""

    name: str
    queues: Sequence[str] = ()


class Pickup:
    """Looks for runs and takes them. `look` never runs twice at once; what it starts runs beside it."""

    def __init__(
        self,
        agent: Agent,
        pool: Pool,
        prefect: PrefectApi,
        platform: Platform,
        problems: Problems,
        tasks: anyio.abc.TaskGroup,
        on_attempt: Callable[[Attempt], Awaitable[None]],
        *,
        limit: Callable[[], int | None] = lambda: None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`on_attempt` is awaited with every attempt got; `limit` is how many more runs the worker
        itself would take, or None."""
        self._agent = agent
        self._pool = pool
        self._prefect = prefect
        self._platform = platform
        self._problems = problems
        self._tasks = tasks
        self._on_attempt = on_attempt
        self._limit = limit
        self._clock = clock
        self._aside = SetAside()
        self._gate = anyio.CapacityLimiter(_CLAIMS_AT_ONCE)
        self.slots = Slots()
        self.schedule = Schedule()
        self.start_up = StartUp()
        self.last_poll_at: datetime | None = None
        self.last_pickup_at: datetime | None = None
        self.late = Late(0)
        self.latencies = Latencies()
        self.left_some = False
        """Whether the last look left runs that are due: room, or a limit that loosens, is news then."""
        self._known_rules: tuple[float, Rules | None] = (0.0, None)

    def now(self) -> datetime:
        return self._clock()

    async def look(self) -> None:
        """Take what is due, as far as there is room, and note what falls due soon.

        Nothing is taken while the platform does not answer.

        Raises:
            PlatformError: Prefect does not answer.
        """
        now = self._clock()
        due_until = now + timedelta(seconds=self.start_up.lead)
        free, waiting, rules = await _together(
            self._free(),
            self._prefect.waiting(self._pool.name, before=now + LOOK_AHEAD),
            self._rules(),
        )
        self.schedule.replace(run.due for run in waiting if run.due is not None)
        self.schedule.pass_by(due_until)
        fresh = self._fresh([run for run in waiting if run.due is None or run.due <= due_until])
        room = free.runs or free.children
        taken = await self._take(fresh, rules, free) if fresh and room and not rules.paused else 0
        self.left_some = taken < len(fresh)
        self.late = await self._late(fresh, rules, bool(room), now)
        self.last_poll_at = self._clock()

    async def _late(self, fresh: list[FlowRun], rules: Rules, room: bool, now: datetime) -> Late:
        """Those of `fresh` that should have been taken by now, are this agent's, and were not."""
        left = [run for run in fresh if run.id not in self.slots and run.due and now - run.due > _LATE]
        ours = [run for run, _ in await self._ours(left, anyio.current_time())] if left else []
        if not ours:
            return Late(0)
        reason = "a queue is paused in Prefect, or a concurrency limit is reached"
        if rules.paused:
            reason = "the work pool is paused in Prefect"
        elif not room:
            reason = "the platform has no room for them, or does not answer"
        return Late(len(ours), min(run.due for run in ours if run.due), reason)

    async def _rules(self) -> Rules:
        """The pool's rules, at most `_RULES_SECONDS` old."""
        read_at, rules = self._known_rules
        if rules is None or anyio.current_time() - read_at > _RULES_SECONDS:
            rules = await self._prefect.rules(self._pool.name, self._pool.queues)
            self._known_rules = (anyio.current_time(), rules)
        return rules

    def _fresh(self, due: list[FlowRun]) -> list[FlowRun]:
        """Runs that are neither under way nor set aside."""
        now = anyio.current_time()
        self._aside.forget_old(now)
        return [run for run in due if run.id not in self.slots and not self._aside.holds(run.id, now)]

    async def show_presence(self) -> None:
        """Poll as a worker does, so that Prefect shows the pool's queues and deployments as ready."""
        await self._prefect.poll(self._pool.name, before=self._clock(), limit=1, queues=self._pool.queues)

    async def _free(self) -> Free:
        asked_at = self.slots.mark()
        try:
            capacity = await self._platform.capacity()
        except PlatformError as error:
            self._problems.open("platform", f"No flow runs are taken: {error.message}")
            return Free()
        self._problems.close("platform")
        runs = self.slots.free(capacity.slots, asked_at)
        children = self.slots.free(capacity.child_slots, asked_at)
        limit = self._limit()
        if limit is None:
            return Free(runs, children)
        most = max(0, limit - len(self.slots))
        return Free(min(runs, most), min(children, most))

    async def _take(self, fresh: list[FlowRun], rules: Rules, free: Free) -> int:
        """Start claiming as many as there is room for; how many need no further look."""
        offered = [run for run in fresh if run.queue_id in rules.open_queues]
        if offered and rules.limited:
            offered = await self._let_through(offered)
        # By due time within a priority, as they came.
        offered.sort(key=lambda run: rules.open_queues[run.queue_id or ""])
        wanted = await self._ours(offered, anyio.current_time())
        taken = free.share(wanted)
        for run, version in taken:
            self.slots.hold(run.id)
            self.latencies.found(run.id, self._clock())
            self._tasks.start_soon(self._claim, run, version)
        return len(taken) + len(offered) - len(wanted)

    async def _let_through(self, runs: list[FlowRun]) -> list[FlowRun]:
        """Those that the concurrency limits of pool and queues leave room for."""
        until = max(run.due or self._clock() for run in runs)
        found = await self._prefect.poll(self._pool.name, before=until, limit=200, queues=self._pool.queues)
        allowed = {run.id for run in found}
        return [run for run in runs if run.id in allowed]

    async def _ours(self, runs: list[FlowRun], now: float) -> list[tuple[FlowRun, str]]:
        """Those whose job variables name a version of this agent's project, with that version."""
        deployments = await self._prefect.job_variables(
            run.deployment_id for run in runs if run.deployment_id
        )
        found = []
        for run in runs:
            variables = {**deployments.get(run.deployment_id or "", {}), **(run.job_variables or {})}
            if variables.get("project", self._agent.project) != self._agent.project:
                self._aside.put(run.id, now, _FOREIGN_PAUSE)  # Another project's agent takes it.
            elif version := _version(variables):
                found.append((run, version))
            elif self._aside.put(run.id, now, _FOREIGN_PAUSE):
                self._problems.remark(
                    f"Flow run {run.name!r} is left alone: its deployment names no flow version. "
                    "Register its flow with this platform, or move the deployment to another work pool."
                )
        return found

    async def _claim(self, run: FlowRun, version: str) -> None:
        try:
            async with self._gate:
                outcome = await claim(self._prefect, self._agent.id, run)
        except PlatformError as error:
            # Whether it was ours is found out by claiming again: the transition id stays the same.
            self.slots.drop(run.id)
            self._problems.remark(f"Flow run {run.name!r} could not be claimed: {error.message}")
            return
        if outcome.claim is None:
            self.slots.drop(run.id)
            if outcome.judgement is Judgement.LATER:
                self._aside.put(run.id, anyio.current_time(), outcome.delay_seconds or 1.0)
            return
        self.last_pickup_at = self._clock()
        await self.ask(outcome.claim, version)

    async def ask(self, taken: Claim, version: str) -> None:
        """Get the attempt for a claim, however long the platform needs to answer."""
        run = taken.flow_run
        self.slots.hold(run.id)
        try:
            attempt = await self._until_answered(await self._request(taken, version))
        except PlatformError as error:
            await self._refused(taken, error)
            self.slots.drop(run.id)
            return
        self.slots.known(run.id)
        log.info("Flow run %s (%s): attempt %s", run.name, run.id, attempt.id)
        await self._on_attempt(attempt)

    async def adopt(self, taken: Claim) -> None:
        """Ask again for a claim that has no attempt: its version is read anew."""
        run = taken.flow_run
        wanted = await self._ours([run], anyio.current_time())
        if wanted and run.id not in self.slots:
            self.slots.hold(run.id)
            self._tasks.start_soon(self.ask, taken, wanted[0][1])

    async def _request(self, taken: Claim, version: str) -> AttemptRequest:
        run = taken.flow_run
        return AttemptRequest(
            flow_run_id=run.id,
            pending_state_id=taken.pending_state_id,
            flow_version_id=version,
            flow_run_name=run.name,
            prefect_deployment_id=run.deployment_id or "none",
            expected_start=run.due,
            parent_flow_run_id=await self._parent(run),
            started_by=run.started_by,
        )

    async def _parent(self, run: FlowRun) -> str | None:
        """The run that waits for this one. A flow nested in a process is part of the run around it."""
        task, parent = run.parent_task_run_id, None
        try:
            while task is not None:
                parent = await self._prefect.flow_run_of_task(task)
                around = await self._prefect.read_run(parent) if parent is not None else None
                task = around.parent_task_run_id if around and around.deployment_id is None else None
        except (NotFound, Unavailable):
            return None  # It only orders the queue; the claim must not wait for it.
        return parent

    async def _until_answered(self, request: AttemptRequest) -> Attempt:
        pause = _FIRST_PAUSE
        while True:
            try:
                attempt = await self._platform.ask(request)
            except (Unavailable, InternalError) as error:
                # It may have been made. Only asking again tells; giving back could make a second one.
                self._problems.open("attempts", f"Claimed flow runs wait for the platform: {error.message}")
                await anyio.sleep(pause)
                pause = min(_LONGEST_PAUSE, 2 * pause)
            else:
                self._problems.close("attempts")
                return attempt

    async def _refused(self, taken: Claim, error: PlatformError) -> None:
        """The platform will not run it: for ever (Crashed, with its sentence), or not now (given back)."""
        run = taken.flow_run
        self._problems.remark(f"Flow run {run.name!r}: {error.message}")
        self._aside.put(run.id, anyio.current_time())
        try:
            if isinstance(error, NotFound | UsageError):
                own = transition_id("refused", taken.pending_state_id)
                await self._prefect.propose(run.id, Proposal("CRASHED", "Crashed", own, error.message))
            else:
                await give_back(self._prefect, taken, f"Waiting: {error.message}")
        except PlatformError as failure:
            # It stays Pending without an attempt; the next sweep for orphans asks again.
            self._problems.remark(f"Flow run {run.name!r} could not be given back: {failure.message}")


First = TypeVar("First")
Second = TypeVar("Second")
Third = TypeVar("Third")


async def _together(
    first: Coroutine[Any, Any, First], second: Coroutine[Any, Any, Second], third: Coroutine[Any, Any, Third]
) -> tuple[First, Second, Third]:
    """What three questions are answered, asked at once; the first error of any."""
    asked = [asyncio.ensure_future(question) for question in (first, second, third)]
    try:
        return tuple(await asyncio.gather(*asked))  # type: ignore[return-value]
    finally:
        for question in asked:
            question.cancel()


def _version(variables: Mapping[str, Any]) -> str | None:
    version = variables.get("flow_version_id")
    return version if isinstance(version, str) and version else None
