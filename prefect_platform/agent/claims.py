"""Winning a flow run: Scheduled → Pending, proposed once with an id of its own.

Polling is a read and two agents may see the same run; the proposal is the one exclusive step.
The transition id is made from agent, run and Scheduled state, so the same agent, even after a
restart, recognises its own claim, and no other agent mistakes it for its own.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum

from prefect_platform.agent.flow_run import FlowRun, State
from prefect_platform.agent.prefect_api import PrefectApi, Proposal, Verdict

_NAMESPACE = uuid.UUID("6c3b5d0e-4f0e-5d7c-9a44-1f5f8b7d2c11")


def transition_id(*parts: str) -> str:
    """The same id for the same parts, everywhere and always."""
    return str(uuid.uuid5(_NAMESPACE, "/".join(parts)))


def claim_id(agent_id: str, flow_run_id: str, scheduled_state_id: str) -> str:
    return transition_id("claim", agent_id, flow_run_id, scheduled_state_id)


@dataclass(frozen=True)
class Claim:
    """A flow run whose Pending state is ours."""

    flow_run: FlowRun
    pending_state_id: str


class Judgement(Enum):
    """What an answer to a claim means."""

    MINE = "mine"
    LOST = "lost"
    """Somebody else's, or Prefect's rules put it off; the next poll shows which."""
    LATER = "later"
    """Prefect asks to wait."""


def judge(verdict: Verdict, ours: str) -> Judgement:
    """Read the answer by its `status` and its state; HTTP codes say nothing here."""
    state = verdict.state
    if verdict.status == "WAIT":
        return Judgement.LATER
    pending = state is not None and state.type == "PENDING"
    if verdict.status == "ACCEPT":
        return Judgement.MINE if pending else Judgement.LOST
    # REJECT with our own id: an earlier proposal of ours was taken and its answer was lost.
    return Judgement.MINE if pending and state is not None and state.transition_id == ours else Judgement.LOST


@dataclass(frozen=True)
class Outcome:
    judgement: Judgement
    claim: Claim | None = None
    delay_seconds: float | None = None


async def claim(prefect: PrefectApi, agent_id: str, run: FlowRun) -> Outcome:
    """Try to win a scheduled run. Repeating it after an error is safe."""
    ours = claim_id(agent_id, run.id, run.state.id)
    verdict = await prefect.propose(run.id, Proposal("PENDING", "Pending", ours))
    judgement = judge(verdict, ours)
    if judgement is not Judgement.MINE or verdict.state is None:
        return Outcome(judgement, delay_seconds=verdict.delay_seconds)
    return Outcome(judgement, Claim(replace(run, state=verdict.state), verdict.state.id))


async def give_back(prefect: PrefectApi, taken: Claim, reason: str) -> Verdict:
    """Pending → Scheduled, due when it was: for a claim that the platform has refused for certain."""
    due: datetime | None = taken.flow_run.due
    proposal = Proposal(
        "SCHEDULED",
        "Scheduled",
        transition_id("give-back", taken.pending_state_id),
        reason,
        scheduled_time=due,
    )
    return await prefect.propose(taken.flow_run.id, proposal)


def is_ours(agent_id: str, pending: State, flow_run_id: str, history: list[State]) -> bool:
    """Whether a Pending state is a claim of this agent, made before a restart perhaps."""
    return any(
        pending.transition_id == claim_id(agent_id, flow_run_id, state.id)
        for state in history
        if state.type == "SCHEDULED"
    )
