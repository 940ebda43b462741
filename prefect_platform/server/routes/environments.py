"""`/projects/{project}/environments`: what runs were registered to have."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request

from prefect_platform.server.auth import allow, parts_of
from prefect_platform.server.services import environments
from prefect_platform.server.services.callers import Caller
from prefect_platform.wire.base import Page
from prefect_platform.wire.environments import Environment
from prefect_platform.wire.tokens import TokenKind

router = APIRouter(tags=["environments"])
User = Annotated[Caller, Depends(allow(TokenKind.USER))]


@router.get("/projects/{project}/environments")
async def listing(
    request: Request, caller: User, project: str, cursor: str | None = None, limit: int | None = None
) -> Page[Environment]:
    """The environments of a project, newest first."""
    return await environments.listing(parts_of(request), caller, project, cursor, limit)


@router.get("/projects/{project}/environments/{fingerprint}")
async def show(request: Request, caller: User, project: str, fingerprint: str) -> Environment:
    """One environment: interpreter, packages, variables, start script."""
    return await environments.show(parts_of(request), caller, project, fingerprint)
