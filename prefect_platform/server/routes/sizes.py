"""Sizes that runs can ask for."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends

from prefect_platform.server.auth import allow, parts_of
from prefect_platform.server.services import sizes
from prefect_platform.server.services.callers import Caller
from prefect_platform.server.services.parts import Parts
from prefect_platform.wire.sizes import SizeList
from prefect_platform.wire.tokens import TokenKind

router = APIRouter(tags=["sizes"])


@router.get("/sizes")
async def listing(
    parts: Annotated[Parts, Depends(parts_of)],
    _caller: Annotated[Caller, Depends(allow(TokenKind.USER, TokenKind.AGENT, TokenKind.USER_CODE))],
) -> SizeList:
    """Every size of the catalogue, with why it cannot be had here if it cannot."""
    return sizes.listing(parts)
