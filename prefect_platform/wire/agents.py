"""Agents: Prefect workers of type `platform` that the platform knows."""

from __future__ import annotations

from pydantic import Field

from prefect_platform.wire.base import Answer, Identifier, Label, Name, Request, When


class AgentCreate(Request):
    name: Name


class AgentReport(Request):
    """What an agent tells of itself every few seconds."""

    version: Label
    prefect_version: Label
    work_pool: Label
    last_poll_at: When | None = None
    last_pickup_at: When | None = None
    problem: str | None = Field(default=None, max_length=1024)
    """Why it cannot take work at the moment, in one sentence."""


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
