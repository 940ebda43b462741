"""The end of a platform on one machine."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends

from prefect_platform.server.auth import allow, parts_of
from prefect_platform.server.services import shutdown
from prefect_platform.server.services.callers import Caller
from prefect_platform.server.services.parts import Parts
from prefect_platform.wire.shutdown import ShutdownAnswer, ShutdownRequest
from prefect_platform.wire.tokens import TokenKind

router = APIRouter(tags=["shutdown"])


@router.post("/shutdown")
async def stop(
    parts: Annotated[Parts, Depends(parts_of)],
    caller: Annotated[Caller, Depends(allow(TokenKind.USER))],
    request: ShutdownRequest,
) -> ShutdownAnswer:
    """Take nothing new, cancel what is open and wait for its end. For administrators."""
    return await shutdown.shutdown(parts, caller, request)
