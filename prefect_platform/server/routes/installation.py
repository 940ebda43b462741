"""`/installation`: which platform this is."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request

from prefect_platform.server.auth import allow, parts_of
from prefect_platform.server.services import installation
from prefect_platform.server.services.callers import Caller
from prefect_platform.wire.installation import Installation
from prefect_platform.wire.tokens import TokenKind

router = APIRouter(tags=["installation"])
UserOrAgent = Annotated[Caller, Depends(allow(TokenKind.USER, TokenKind.AGENT))]


@router.get("/installation")
async def show(request: Request, _caller: UserOrAgent) -> Installation:
    """The id of this installation, its work pool and its version."""
    return installation.shown(parts_of(request))
