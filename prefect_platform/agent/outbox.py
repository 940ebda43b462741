"""Ended attempts that nobody has settled yet: settled one after the other until the platform agrees.

The platform keeps the list, so nothing is lost with the agent; every step may be done twice.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

import anyio
import anyio.abc

from prefect_platform.agent.flow_run import FlowRun
from prefect_platform.agent.platform import Platform
from prefect_platform.agent.prefect_api import PrefectApi, Proposal
from prefect_platform.agent.problems import Problems
from prefect_platform.agent.settlement import decide
from prefect_platform.errors import Conflict, NotFound, PlatformError, Unavailable
from prefect_platform.wire.runs import Attempt, Settlement

log = logging.getLogger("prefect_platform.agent")

_STEPS = 6
"""Proposals and readings before an attempt is put off: the longest path takes four."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 10.0

Aftermath = Callable[[str, Proposal], Awaitable[None]]


class Outbox:
    """Settles attempts in the background."""

    def __init__(
        self,
        prefect: PrefectApi,
        platform: Platform,
        problems: Problems,
        tasks: anyio.abc.TaskGroup,
        aftermath: Aftermath,
    ) -> None:
        """`aftermath` is awaited with the flow run's id once Prefect took Crashed or Cancelled from us."""
        self._prefect = prefect
        self._platform = platform
        self._problems = problems
        self._tasks = tasks
        self._aftermath = aftermath
        self._under_way: set[str] = set()
        self._newest: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._under_way)

    def take(self, unsettled: list[Attempt], still_open: list[Attempt]) -> None:
        """Start on what is new; the rest is under way already."""
        for attempt in (*unsettled, *still_open):
            self._newest[attempt.flow_run_id] = max(attempt.number, self._newest.get(attempt.flow_run_id, 0))
        for attempt in unsettled:
            if attempt.id not in self._under_way:
                self._under_way.add(attempt.id)
                self._tasks.start_soon(self._until_settled, attempt)
        mentioned = {attempt.flow_run_id for attempt in (*unsettled, *still_open)}
        self._newest = {key: number for key, number in self._newest.items() if key in mentioned}

    async def _until_settled(self, attempt: Attempt) -> None:
        pause = _FIRST_PAUSE
        try:
            while not await self._tried(attempt):
                await anyio.sleep(pause)
                pause = min(_LONGEST_PAUSE, 2 * pause)
        finally:
            self._under_way.discard(attempt.id)

    async def _tried(self, attempt: Attempt) -> bool:
        try:
            settled = await self._settle(attempt)
        except Unavailable as error:
            self._problems.open(
                "settling", f"Attempt {attempt.id} ended and is not settled yet: {error.message}"
            )
            return False
        except PlatformError as error:
            # A refusal is the platform's last word on it: what is still open stays in the next `Work`.
            self._problems.remark(f"Attempt {attempt.id} could not be settled: {error.message}")
            await anyio.sleep(_LONGEST_PAUSE)
            return True
        self._problems.close("settling")
        return settled

    async def _settle(self, attempt: Attempt) -> bool:
        for _ in range(_STEPS):
            run = await self._read(attempt.flow_run_id)
            superseded = self._newest.get(attempt.flow_run_id, 0) > attempt.number
            decision = decide(attempt, run, superseded=superseded)
            if isinstance(decision, Settlement):
                await self._close(attempt, decision)
                return True
            await self._report(attempt, decision)
        return False

    async def _report(self, attempt: Attempt, proposal: Proposal) -> None:
        verdict = await self._prefect.propose(attempt.flow_run_id, proposal)
        log.info(
            "Flow run %s: proposed %s for attempt %s, Prefect answers %s%s",
            attempt.flow_run_id, proposal.name, attempt.id, verdict.status,
            f" ({verdict.reason})" if verdict.reason else "",
        )  # fmt: skip
        if verdict.status == "ACCEPT" and proposal.type in ("CRASHED", "CANCELLED"):
            await self._aftermath(attempt.flow_run_id, proposal)

    async def _close(self, attempt: Attempt, settlement: Settlement) -> None:
        try:
            await self._platform.settle(attempt.id, settlement)
        except (Conflict, NotFound) as error:
            # Settled by the platform itself or by another agent, or deleted: there is nothing left to do.
            log.info("Attempt %s needs no settling: %s", attempt.id, error.message)

    async def _read(self, flow_run_id: str) -> FlowRun | None:
        try:
            return await self._prefect.read_run(flow_run_id)
        except NotFound:
            return None
