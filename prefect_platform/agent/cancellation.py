"""Cancelling, whoever asked: what runs is stopped by the platform, what was started by it goes along.

Prefect only writes Cancelling down; somebody has to act. Events tell at once, and a listing every
half minute finds what events missed. A run that nobody runs any more is brought to Cancelled here.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta

from prefect_platform.agent.claims import transition_id
from prefect_platform.agent.flow_run import FlowRun
from prefect_platform.agent.platform import Platform
from prefect_platform.agent.prefect_api import PrefectApi, Proposal
from prefect_platform.errors import NotFound
from prefect_platform.wire.runs import Attempt

log = logging.getLogger("prefect_platform.agent")

_UNCLAIMED = timedelta(seconds=60)
"""How long a Cancelling run without an attempt is left alone: an agent may be asking for one."""


class Cancellation:
    """Carries cancels in both directions. Everything here may be done twice."""

    def __init__(
        self,
        prefect: PrefectApi,
        platform: Platform,
        *,
        open_attempt: Callable[[str], Attempt | None],
        being_claimed: Callable[[str], bool],
    ) -> None:
        """`open_attempt` and `being_claimed` tell what this agent knows of a flow run."""
        self._prefect = prefect
        self._platform = platform
        self._open_attempt = open_attempt
        self._being_claimed = being_claimed
        self._told: set[str] = set()

    async def from_prefect(self, flow_run_id: str) -> None:
        """A flow run became Cancelling: stop what runs it, and its children."""
        attempt = self._open_attempt(flow_run_id)
        if attempt is None or not await self._stop(attempt.id):
            try:
                await self._without_open_attempt(await self._prefect.read_run(flow_run_id))
            except NotFound:
                log.info("Flow run %s was deleted while it was being cancelled.", flow_run_id)
                return
        await self.children(flow_run_id)

    async def from_platform(self, wanted: Iterable[Attempt]) -> None:
        """Attempts cancelled on the platform: Prefect hears of it, and their children go along."""
        wanted = list(wanted)
        for attempt in wanted:
            if attempt.id not in self._told:
                await self._propose_cancelling(attempt.flow_run_id, attempt.id)
                await self.children(attempt.flow_run_id)
                self._told.add(attempt.id)
        self._told &= {attempt.id for attempt in wanted}

    async def sweep(self, pool: str, running: Sequence[str] = ()) -> None:
        """Everything that is Cancelling now, event or no event: of the pool, and of the runs that go on
        here, whose pool may be another by now."""
        found = await self._prefect.runs_in(pool, "CANCELLING")
        found += await self._prefect.those_in(running, "CANCELLING")
        for run_id in dict.fromkeys(run.id for run in found):
            await self.from_prefect(run_id)

    async def _stop(self, attempt_id: str) -> bool:
        """Ask the platform to stop an attempt. False if there is nothing to stop any more."""
        try:
            attempt = await self._platform.cancel(attempt_id, "cancelled in Prefect")
        except NotFound:
            return False
        return attempt.settled_at is None

    async def _without_open_attempt(self, run: FlowRun) -> None:
        """Its attempt ended long ago, is not known here yet, or never was."""
        if run.state.type != "CANCELLING" or self._being_claimed(run.id):
            return  # A claim under way looks again once its attempt is there.
        attempt = await self._last_attempt(run)
        if attempt is not None and attempt.settled_at is None:
            await self._stop(attempt.id)
        elif attempt is not None or _older_than(run, _UNCLAIMED):
            message = "Cancelled; nothing of it was running."
            await self._prefect.propose(run.id, Proposal("CANCELLED", "Cancelled", _id(run), message))

    async def _last_attempt(self, run: FlowRun) -> Attempt | None:
        if not run.infrastructure:
            return None
        try:
            return await self._platform.attempt(run.infrastructure)
        except NotFound:
            return None

    async def children(self, flow_run_id: str) -> None:
        """Cancel every run that a cancelled run started as a deployment, however deep."""
        waiting, seen = [flow_run_id], {flow_run_id}
        while waiting:
            for child in await self._prefect.children_of(waiting.pop()):
                if child.id in seen:
                    continue
                seen.add(child.id)
                waiting.append(child.id)
                started = child.deployment_id is not None
                if started and not child.state.final and child.state.type != "CANCELLING":
                    await self._propose_cancelling(child.id, child.state.id)

    async def nested(self, flow_run_id: str, proposal: Proposal) -> None:
        """Flows nested in the process of a run that is over share its end; nobody else reports it."""
        for child in await self._prefect.children_of(flow_run_id):
            if child.deployment_id is None and not child.state.final:
                own = transition_id("nested", child.state.id, proposal.type)
                await self._prefect.propose(
                    child.id,
                    Proposal(proposal.type, proposal.name, own, f"With its parent: {proposal.message}"),
                )
                await self.nested(child.id, proposal)

    async def _propose_cancelling(self, flow_run_id: str, because_of: str) -> None:
        proposal = Proposal("CANCELLING", "Cancelling", transition_id("cancel", flow_run_id, because_of))
        try:
            verdict = await self._prefect.propose(flow_run_id, proposal)
        except NotFound:
            log.info("Flow run %s is gone from Prefect: there is nothing to cancel.", flow_run_id)
            return
        log.info("Flow run %s: proposed Cancelling, Prefect answers %s", flow_run_id, verdict.status)


def _id(run: FlowRun) -> str:
    return transition_id("cancelled", run.id, run.state.id)


def _older_than(run: FlowRun, age: timedelta) -> bool:
    return run.state.at is not None and datetime.now(UTC) - run.state.at > age
