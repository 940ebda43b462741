"""Agents: made by people, and what an agent itself reports and asks."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from prefect_platform.server.auth import allow, parts_of
from prefect_platform.server.services import agents, work
from prefect_platform.server.services.callers import Caller
from prefect_platform.server.services.parts import Parts
from prefect_platform.wire.agents import (
    Agent,
    AgentCreate,
    AgentCreated,
    AgentDetail,
    AgentReport,
    WorkPool,
)
from prefect_platform.wire.base import Page
from prefect_platform.wire.runs import Work
from prefect_platform.wire.tokens import TokenKind

router = APIRouter(tags=["agents"])

PartsHere = Annotated[Parts, Depends(parts_of)]
User = Annotated[Caller, Depends(allow(TokenKind.USER))]
Self = Annotated[Caller, Depends(allow(TokenKind.AGENT))]


@router.get("/projects/{project}/agents")
async def listing(
    parts: PartsHere,
    caller: User,
    project: str,
    cursor: str | None = None,
    limit: int | None = None,
    label: Annotated[list[str], Query(max_length=50)] = [],  # noqa: B006 - only read
) -> Page[Agent]:
    """Agents of a project, newest first; with `label=NAME=VALUE`, once or more, those with all of them."""
    return await agents.listing(parts, caller, project, cursor, limit, label)


@router.post("/projects/{project}/agents", status_code=201)
async def create(parts: PartsHere, caller: User, project: str, request: AgentCreate) -> AgentCreated:
    """An agent and a token for it. Again with the same name: the same agent, another token."""
    return await agents.create(parts, caller, project, request)


@router.get("/projects/{project}/agents/{name}")
async def show(parts: PartsHere, caller: User, project: str, name: str) -> AgentDetail:
    """One agent: what it told last, and what the platform does to keep it."""
    return await agents.show(parts, caller, project, name)


@router.put("/agents/self")
async def report(parts: PartsHere, caller: Self, request: AgentReport) -> Agent:
    """What the calling agent says of itself."""
    return await agents.report(parts, caller, request)


@router.get("/agents/self/work")
async def get_work(
    parts: PartsHere,
    caller: Self,
    after: str | None = None,
    wait: Annotated[float, Query(ge=0, le=work.MAX_WAIT_SECONDS)] = 0.0,
) -> Work:
    """What the calling agent has to act on; answers when it differs from `after`, or after `wait` seconds."""
    return await work.work(parts, caller, after, wait)


@router.get("/agents/self/work-pool")
async def work_pool(parts: PartsHere, caller: Self) -> WorkPool:
    """The Prefect work pool that the calling agent serves, as it should be."""
    return await agents.work_pool(parts, caller)
