"""`/me`: who the caller is."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request

from prefect_platform.server.auth import allow, parts_of
from prefect_platform.server.services import tokens
from prefect_platform.server.services.callers import Caller
from prefect_platform.wire.tokens import Me, TokenKind

router = APIRouter(tags=["tokens"])
Anyone = Annotated[Caller, Depends(allow(*TokenKind))]


@router.get("/me")
async def me(request: Request, caller: Anyone) -> Me:
    """Who the token stands for, and which installation answers."""
    return await tokens.me(parts_of(request), caller)
