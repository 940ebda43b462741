"""Attempts, for agents: ask for one, settle it, pass on a cancel of Prefect's side."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends

from prefect_platform.server.auth import allow, parts_of
from prefect_platform.server.services import attempts
from prefect_platform.server.services.callers import Caller
from prefect_platform.server.services.parts import Parts
from prefect_platform.wire.runs import Attempt, AttemptRequest, CancelRequest, Settlement
from prefect_platform.wire.tokens import TokenKind

router = APIRouter(tags=["attempts"])

PartsHere = Annotated[Parts, Depends(parts_of)]
Agent = Annotated[Caller, Depends(allow(TokenKind.AGENT))]
Reader = Annotated[Caller, Depends(allow(TokenKind.AGENT, TokenKind.USER))]


@router.post("/attempts", status_code=201)
async def create(parts: PartsHere, caller: Agent, request: AttemptRequest) -> Attempt:
    """The attempt for one Pending state of a flow run; the same one when asked again."""
    return await attempts.create(parts, caller, request)


@router.get("/attempts/{attempt_id}")
async def show(parts: PartsHere, caller: Reader, attempt_id: str) -> Attempt:
    return await attempts.show(parts, caller, attempt_id)


@router.post("/attempts/{attempt_id}/settle")
async def settle(parts: PartsHere, caller: Agent, attempt_id: str, request: Settlement) -> Attempt:
    """What Prefect says of an attempt whose processes have ended."""
    return await attempts.settle(parts, caller, attempt_id, request)


@router.post("/attempts/{attempt_id}/cancel")
async def cancel(
    parts: PartsHere, caller: Agent, attempt_id: str, request: CancelRequest | None = None
) -> Attempt:
    """Prefect wants this attempt ended."""
    return await attempts.cancel(parts, caller, attempt_id, request or CancelRequest())
