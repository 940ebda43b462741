"""`/tokens`: further tokens of a user."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from prefect_platform.server.auth import allow, parts_of
from prefect_platform.server.services import tokens
from prefect_platform.server.services.callers import Caller
from prefect_platform.wire.base import Page
from prefect_platform.wire.tokens import Token, TokenCreate, TokenCreated, TokenKind

router = APIRouter(tags=["tokens"])
User = Annotated[Caller, Depends(allow(TokenKind.USER))]


@router.get("/tokens")
async def listing(
    request: Request, caller: User, cursor: str | None = None, limit: int | None = None
) -> Page[Token]:
    """The caller's tokens, and those of agents in projects that they own. Never their secrets."""
    return await tokens.listing(parts_of(request), caller, cursor, limit)


@router.post("/tokens", status_code=201)
async def create(request: Request, response: Response, caller: User, body: TokenCreate) -> TokenCreated:
    """Make a token. Its secret is in this answer and nowhere else: it is not stored, so a repeat with
    the same Idempotency-Key is refused."""
    response.headers["Cache-Control"] = "no-store"
    return await tokens.create(parts_of(request), caller, body)


@router.delete("/tokens/{token_id}", status_code=204)
async def revoke(request: Request, caller: User, token_id: str) -> None:
    """End a token. Other replicas may let it pass for five seconds more."""
    await tokens.revoke(parts_of(request), caller, token_id)
