"""`FakePlatform`: the platform as an agent sees it, in memory, for tests of agents.

It keeps the platform's promises (one attempt for one Pending state, one settlement, a cursor that
changes with the work) and starts nothing: a test says how an attempt goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import anyio
import anyio.lowlevel

from prefect_platform.errors import Conflict, NotFound, PlatformError, Unavailable, UsageError
from prefect_platform.names import new_id
from prefect_platform.wire.agents import Agent, AgentReport, WorkPool
from prefect_platform.wire.runs import (
    FINAL,
    Attempt,
    AttemptRequest,
    Capacity,
    EndReport,
    Settlement,
    Status,
    Target,
    Transition,
    Work,
    Workload,
    WorkloadKind,
)
from prefect_platform.wire.work_pool import base_job_template

_FINAL_TYPES = {
    "COMPLETED": Status.SUCCEEDED,
    "FAILED": Status.FAILED,
    "CANCELLED": Status.CANCELLED,
    "CRASHED": Status.CRASHED,
}


class FakePlatform:
    """One installation with one project. Share one object between agents, or between an agent's lives."""

    def __init__(
        self, pool: str, *, versions: set[str] | None = None, slots: int = 10, project: str = "default"
    ) -> None:
        self.pool = pool
        self.installation = "inst-fake"
        self.versions = {"fv-1"} if versions is None else versions
        self.slots = slots
        self.project = project
        self.attempts: dict[str, Attempt] = {}
        self.requests: list[AttemptRequest] = []
        """Everything asked for, repetitions too."""
        self.askers: set[tuple[str, str]] = set()
        """Flow run and agent of everything asked for."""
        self.settlements: dict[str, Settlement] = {}
        self.cancels: list[str] = []
        self.reports: list[AgentReport] = []
        self.refusal: PlatformError | None = None
        """Raised by every call while it is set: an outage, or a token that is not accepted."""
        self.ask_refusal: PlatformError | None = None
        """Raised by `ask` alone."""
        self.loses_answers = 0
        """So many attempts are made whose answer never arrives."""
        self._changed = anyio.Event()
        self._turn = 0

    def as_agent(self, agent_id: str = "ag-1") -> FakeAgentView:
        """This platform, as the agent of that id sees it."""
        return FakeAgentView(self, agent_id)

    # What a test does.

    def only(self) -> Attempt:
        """The one attempt there is."""
        (attempt,) = self.attempts.values()
        return attempt

    def run(self, attempt_id: str) -> None:
        """Its engine runs."""
        self._move(attempt_id, Status.PROVISIONING)
        self._move(attempt_id, Status.RUNNING)

    def end(self, attempt_id: str, **end: Any) -> None:
        """Its processes are gone; nobody has settled it. Keywords are fields of `EndReport`."""
        report = dict.fromkeys(("exit_code", "signal", "receipt", "peak_memory_bytes", "reason"))
        self._change(attempt_id, end=EndReport(**(report | end)), ended_at=datetime.now(UTC))

    def cancel_here(self, attempt_id: str) -> None:
        """Somebody cancels it on the platform."""
        self._change(attempt_id, cancel_requested_by="alice", target=Target.STOPPED)

    def change(self) -> None:
        """Let long polls answer."""
        self._turn += 1
        self._changed.set()
        self._changed = anyio.Event()

    async def until(self, done: Callable[[], bool], seconds: float = 30) -> None:
        """Wait until something about this platform holds.

        Raises:
            TimeoutError: it did not within `seconds`.
        """
        with anyio.fail_after(seconds):
            while not done():
                await self._changed.wait()

    # What keeps the promises.

    def check(self) -> None:
        if self.refusal is not None:
            raise self.refusal

    def make(self, agent_id: str, request: AttemptRequest) -> Attempt:
        self.requests.append(request)
        self.askers.add((request.flow_run_id, agent_id))
        if self.ask_refusal is not None:
            raise self.ask_refusal
        if request.flow_version_id not in self.versions:
            raise NotFound(
                f"Flow version {request.flow_version_id!r} is not known to this platform: register again."
            )
        key = (request.flow_run_id, request.pending_state_id)
        for attempt in self.attempts.values():
            if (attempt.flow_run_id, attempt.pending_state_id) == key:
                return attempt
        number = 1 + sum(a.flow_run_id == request.flow_run_id for a in self.attempts.values())
        attempt = _attempt(agent_id, request, number, self.project)
        self.attempts[attempt.id] = attempt
        self.change()
        return attempt

    def settle(self, attempt_id: str, settlement: Settlement) -> Attempt:
        attempt = self.find(attempt_id)
        expected = _FINAL_TYPES.get(settlement.prefect_state_type.upper(), settlement.status)
        if settlement.status not in FINAL or settlement.status is not expected:
            raise UsageError(f"{settlement.prefect_state!r} does not mean {settlement.status}.")
        if attempt.workload.ended_at is None:
            raise Conflict(f"Attempt {attempt_id} has not ended.")
        if attempt.settled_at is None:
            self.settlements[attempt_id] = settlement
            if attempt.status not in FINAL:
                self._move(attempt_id, settlement.status)
            self.attempts[attempt_id] = self.find(attempt_id).model_copy(
                update={"settled_at": datetime.now(UTC), "reason": settlement.reason}
            )
            self.change()
        return self.find(attempt_id)

    def stop(self, attempt_id: str) -> Attempt:
        attempt = self.find(attempt_id)
        self.cancels.append(attempt_id)
        if attempt.workload.ended_at is None and attempt.workload.cancel_requested_by is None:
            self._change(attempt_id, cancel_requested_by="Prefect", target=Target.STOPPED)
        self.change()
        return self.find(attempt_id)

    def find(self, attempt_id: str) -> Attempt:
        if attempt_id not in self.attempts:
            raise NotFound(f"There is no attempt {attempt_id!r}.")
        return self.attempts[attempt_id]

    async def work(self, after: str | None, wait: float) -> Work:
        with anyio.move_on_after(wait):
            while str(self._turn) == after:
                await self._changed.wait()
        self.check()
        unsettled = [a for a in self.attempts.values() if a.settled_at is None and a.workload.ended_at]
        still_open = [a for a in self.attempts.values() if a.workload.ended_at is None]
        cancel = [a for a in still_open if a.workload.cancel_requested_by not in (None, "Prefect")]
        return Work(cursor=str(self._turn), unsettled=unsettled, open=still_open, cancel=cancel)

    def room(self) -> Capacity:
        used = sum(attempt.workload.ended_at is None for attempt in self.attempts.values())
        return Capacity(
            slots=max(0, self.slots - used),
            free_cores=1,
            free_memory_bytes=1,
            total_cores=1,
            total_memory_bytes=1,
            queued=0,
        )

    def told(self, report: AgentReport) -> None:
        self.reports.append(report)
        self.change()

    def _move(self, attempt_id: str, status: Status) -> None:
        moves = self.find(attempt_id).workload.transitions
        move = Transition(status=status, at=datetime.now(UTC), actor="test", reason=None)
        self._change(attempt_id, status=status, transitions=[*moves, move])

    def _change(self, attempt_id: str, **fields: Any) -> None:
        attempt = self.find(attempt_id)
        workload = attempt.workload.model_copy(update=fields)
        self.attempts[attempt_id] = attempt.model_copy(
            update={"workload": workload, "status": workload.status}
        )
        self.change()


class FakeAgentView:
    """A `FakePlatform` behind the methods of `prefect_platform.agent.platform.Platform`."""

    def __init__(self, platform: FakePlatform, agent_id: str) -> None:
        self.fake = platform
        self.agent_id = agent_id

    async def capacity(self) -> Capacity:
        await self._arrive()
        return self.fake.room()

    async def ask(self, request: AttemptRequest) -> Attempt:
        await self._arrive()
        attempt = self.fake.make(self.agent_id, request)
        if self.fake.loses_answers:
            self.fake.loses_answers -= 1
            raise Unavailable("The answer was lost.")
        return attempt

    async def attempt(self, attempt_id: str) -> Attempt:
        await self._arrive()
        return self.fake.find(attempt_id)

    async def settle(self, attempt_id: str, settlement: Settlement) -> Attempt:
        await self._arrive()
        return self.fake.settle(attempt_id, settlement)

    async def cancel(self, attempt_id: str, reason: str) -> Attempt:
        await self._arrive()
        return self.fake.stop(attempt_id)

    async def work(self, after: str | None, wait: float) -> Work:
        await self._arrive()
        return await self.fake.work(after, wait)

    async def report(self, report: AgentReport) -> Agent:
        await self._arrive()
        self.fake.told(report)
        now = datetime.now(UTC)
        return Agent(
            id=self.agent_id,
            name=self.agent_id,
            project=self.fake.project,
            created_at=now,
            last_seen_at=now,
            report=report,
        )

    async def work_pool(self) -> WorkPool:
        await self._arrive()
        return WorkPool(name=self.fake.pool, base_job_template=base_job_template(self.fake.installation))

    async def _arrive(self) -> None:
        await anyio.lowlevel.checkpoint()
        self.fake.check()


def _attempt(agent_id: str, request: AttemptRequest, number: int, project: str) -> Attempt:
    now = datetime.now(UTC)
    workload = Workload(
        id=new_id("wl"),
        kind=WorkloadKind.RUN_ATTEMPT,
        project=project,
        target=Target.RUNNING,
        status=Status.QUEUED,
        cores=1,
        memory_bytes=1 << 30,
        created_at=now,
        ended_at=None,
        steps=[],
        promises=None,
        transitions=[Transition(status=Status.QUEUED, at=now, actor=agent_id, reason=None)],
        end=None,
        cancel_requested_by=None,
    )
    return Attempt(
        id=new_id("at"),
        number=number,
        flow_run_id=request.flow_run_id,
        pending_state_id=request.pending_state_id,
        agent_id=agent_id,
        status=Status.QUEUED,
        reason=None,
        settled_at=None,
        workload=workload,
        page=f"http://platform.example/runs/{request.flow_run_id}",
    )
