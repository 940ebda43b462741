"""`/projects/{project}/changes`: what pages need to ask for again."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import StreamingResponse

from prefect_platform.server.auth import allow, parts_of
from prefect_platform.server.routes.event_stream import EventStream
from prefect_platform.server.services import change_watch
from prefect_platform.server.services.callers import Caller
from prefect_platform.wire.tokens import TokenKind

router = APIRouter(tags=["projects"])
User = Annotated[Caller, Depends(allow(TokenKind.USER))]


@router.get("/projects/{project}/changes", response_class=StreamingResponse)
async def follow(request: Request, caller: User, project: str) -> StreamingResponse:
    """Server-sent events `changed`: `{"topics": [...]}` with the names of lists of the project that are
    other than they were: `runs`, `resources`, `clusters`, `flows`, `secrets`, `agents`. It begins with now,
    and ends when the caller may not know any more."""
    return EventStream(await change_watch.follow(parts_of(request), caller, project))
