"""`/health`: the process answers. `/ready`: it can do its work. Open to everyone, and saying little."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from prefect_platform.server.auth import parts_of
from prefect_platform.server.services import installation
from prefect_platform.wire.installation import Readiness

router = APIRouter(tags=["health"])


@router.get("/health")
async def health() -> dict[str, str]:
    """Whether the process answers at all."""
    return {"status": "ok"}


@router.get("/ready")
async def ready(request: Request, response: Response) -> Readiness:
    """Whether the platform can do its work now; 503 if it cannot."""
    found = await installation.readiness(parts_of(request))
    response.status_code = 200 if found.ready else 503
    return found
