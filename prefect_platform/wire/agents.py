"""Agents: Prefect workers of type `platform` that the platform knows."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from prefect_platform.wire.base import Answer, Identifier, Label, Name, Request, When


class AgentCreate(Request):
    name: Name


LATENCY_BOUNDS = (0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0)
"""Upper bounds, in seconds, of the counts of a `Latency`; one more count has no bound."""


class Latency(Request):
    """From the look that found a run to its engine, of all runs since the agent started."""

    counts: list[Annotated[int, Field(ge=0, le=1 << 53)]] = Field(max_length=len(LATENCY_BOUNDS) + 1)
    seconds: Annotated[float, Field(ge=0)] = 0.0
    """Of all of them together."""


class AgentReport(Request):
    """What an agent tells of itself every few seconds. Agents of older versions tell less."""

    version: Label
    prefect_version: Label
    work_pool: Label
    last_poll_at: When | None = None
    last_pickup_at: When | None = None
    problem: str | None = Field(default=None, max_length=1024)
    """Why it cannot take work at the moment, in a few sentences."""
    problem_since: When | None = None
    """When the oldest thing that is wrong began."""
    started_at: When | None = None
    agreed_at: When | None = None
    """When everything that runs here and in Prefect was last compared, and set right, without trouble."""
    late_runs: Annotated[int, Field(ge=0, le=1 << 31)] | None = None
    """Runs that this agent should have taken by now and has not; None before its first look."""
    late_since: When | None = None
    """When the first of them was due."""
    late_reason: Label | None = None
    latency: Latency | None = None


class Agent(Answer):
    id: Identifier
    name: str
    project: str
    created_at: When
    last_seen_at: When | None
    report: AgentReport | None


class AgentCreated(Agent):
    token: str = Field(repr=False)


class WorkPool(Answer):
    """What an agent needs to serve this installation's pool."""

    name: str
    base_job_template: dict[str, object]
    results_block: str = ""
    """Name of the block document through which runs find the storage of their results."""
