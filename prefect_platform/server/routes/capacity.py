"""Room for attempts."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends

from prefect_platform.server.auth import allow, parts_of
from prefect_platform.server.services import capacity
from prefect_platform.server.services.callers import Caller
from prefect_platform.server.services.parts import Parts
from prefect_platform.wire.runs import Capacity
from prefect_platform.wire.tokens import TokenKind

router = APIRouter(tags=["capacity"])


@router.get("/capacity")
async def show(
    parts: Annotated[Parts, Depends(parts_of)],
    _caller: Annotated[Caller, Depends(allow(TokenKind.AGENT, TokenKind.USER))],
) -> Capacity:
    """Room for attempts now. An agent takes no more flow runs than `slots`."""
    return await capacity.show(parts)
