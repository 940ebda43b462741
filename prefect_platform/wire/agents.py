"""Agents: Prefect workers of type `platform` that the platform knows."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from prefect_platform.wire.base import Answer, Identifier, Label, Name, Request, When
from prefect_platform.wire.resources import Resource


def _free(name: str) -> str:
    if name.lower().startswith("prefect"):
        raise ValueError("Prefect keeps names that begin with 'prefect' for itself")
    return name


WorkPoolName = Annotated[
    str,
    Field(max_length=128, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$"),
    AfterValidator(_free),
]
"""A work pool as people may name one: it stands in addresses as it is."""


class AgentCreate(Request):
    name: Name


class LatencyBucket(Request):
    """How many took so long at most, and longer than the bucket before says."""

    le_seconds: float | None = Field(ge=0)
    """Upper bound; None in the last bucket, which has none."""
    count: int = Field(ge=0)


class AgentReport(Request):
    """What an agent tells of itself every few seconds. Agents of older versions tell less."""

    version: Label
    prefect_version: Label
    work_pool: Label
    started_at: When | None = None
    """When its process began."""
    last_agreed_at: When | None = None
    """When it last compared everything that is open with Prefect, and put right what differed."""
    pickup_seconds: list[LatencyBucket] = Field(default=[], max_length=50)
    """From the look that found a run to its engine, of every start since its process began."""
    last_poll_at: When | None = None
    last_pickup_at: When | None = None
    problem: str | None = Field(default=None, max_length=1024)
    """Why it cannot take work at the moment, in a few sentences."""
    problem_since: When | None = None
    """When the oldest thing that is wrong began."""
    late_runs: Annotated[int, Field(ge=0, le=1 << 31)] | None = None
    """Runs that this agent should have taken by now and has not; None before its first look."""
    late_since: When | None = None
    """When the first of them was due."""
    late_reason: Label | None = None


class Agent(Answer):
    id: Identifier
    name: str
    project: str
    created_at: When
    last_seen_at: When | None
    report: AgentReport | None


class AgentCreated(Agent):
    token: str = Field(repr=False)


class AgentDetail(Agent):
    """An agent with what the platform does for it."""

    resource: Resource | None
    """None of an agent that somebody runs by hand."""
    uptime_seconds: float | None
    """Since its process began, as it told last; None while it does not report."""


class WorkQueue(Answer):
    """A work queue of an agent's pool, as it should be in Prefect."""

    name: Label
    priority: int | None = Field(default=None, ge=1, le=1_000_000)
    """1 comes first. None leaves it as it is; a new queue comes last."""
    concurrency_limit: int | None = Field(default=None, ge=0, le=1_000_000)
    """Most of its runs that are open at once. None leaves it as it is; a new queue has none."""


class WorkPool(Answer):
    """What an agent needs to serve its pool."""

    name: str
    base_job_template: dict[str, object]
    results_block: str = ""
    """Name of the block document through which runs find the storage of their results."""
    queues: list[WorkQueue] = []
    """Queues that the asking agent alone serves; none means all of them."""
