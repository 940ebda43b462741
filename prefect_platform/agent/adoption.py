"""Orphans: flow runs in Pending that were claimed and have no attempt, since an agent died in between.

Asking again is safe, because the platform makes one attempt for one Pending state. Open attempts
need no adoption: the platform lists them to whichever agent asks.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from prefect_platform.agent.claims import Claim, is_ours
from prefect_platform.agent.flow_run import FlowRun
from prefect_platform.agent.pickup import Pickup
from prefect_platform.agent.platform import Platform
from prefect_platform.agent.prefect_api import PrefectApi

STRANGER = timedelta(minutes=5)
"""After this long in Pending a claim of another agent is taken for lost: it asks for seconds only."""


class Adoption:
    def __init__(self, agent_id: str, prefect: PrefectApi, platform: Platform, pickup: Pickup) -> None:
        self._agent_id = agent_id
        self._prefect = prefect
        self._platform = platform
        self._pickup = pickup

    async def sweep(self, pool: str) -> None:
        """Ask again for every orphan."""
        pending = await self._prefect.runs_in(pool, "PENDING")
        if not pending:
            return
        work = await self._platform.work(None, 0.0)  # Read later, it knows the attempts of all of them.
        have = {attempt.pending_state_id for attempt in (*work.open, *work.unsettled)}
        for run in pending:
            if run.state.id in have or run.id in self._pickup.slots:
                continue
            if await self._is_orphan(run):
                await self._pickup.adopt(Claim(run, run.state.id))

    async def _is_orphan(self, run: FlowRun) -> bool:
        if run.state.name != "Pending":
            return False  # `NotReady` and the like are an engine's own words.
        if run.state.at is not None and datetime.now(UTC) - run.state.at > STRANGER:
            return True
        return is_ours(self._agent_id, run.state, run.id, await self._prefect.states_of(run.id))
