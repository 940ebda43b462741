"""`/users`: an administrator makes users."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from prefect_platform.server.auth import allow, parts_of
from prefect_platform.server.services import users
from prefect_platform.server.services.callers import Caller
from prefect_platform.wire.tokens import TokenCreated, TokenKind
from prefect_platform.wire.users import UserCreate

router = APIRouter(tags=["users"])
User = Annotated[Caller, Depends(allow(TokenKind.USER))]


@router.post("/users", status_code=201)
async def create(request: Request, response: Response, caller: User, body: UserCreate) -> TokenCreated:
    """Make a user; the answer is their first token, to be handed over. It is not stored, so a repeat
    with the same Idempotency-Key is refused."""
    response.headers["Cache-Control"] = "no-store"
    return await users.create(parts_of(request), caller, body)
