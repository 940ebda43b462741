"""`/session`: browsers sign in, ask who they are, and sign out. `/sign-in-links`: what signs one in."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from prefect_platform.server.auth import allow, browser, parts_of, set_cookie
from prefect_platform.server.services import sessions
from prefect_platform.server.services.callers import Caller
from prefect_platform.wire.sessions import Session, SignIn, SignInLink
from prefect_platform.wire.tokens import TokenKind

router = APIRouter(tags=["sessions"])
open_router = APIRouter(tags=["sessions"])
"""Answers without a token, which is what it is for."""

User = Annotated[Caller, Depends(allow(TokenKind.USER))]


@router.post("/sign-in-links", status_code=201)
async def link(request: Request, response: Response, caller: User) -> SignInLink:
    """A link that opens the web UI in a browser, signed in as the caller: good once, within ten minutes."""
    response.headers["Cache-Control"] = "no-store"
    return await sessions.link(parts_of(request), caller)


@open_router.post("/session", status_code=201)
async def sign_in(request: Request, response: Response, body: SignIn) -> Session:
    """Sign a browser in with a ticket of a link, or with a token. The answer sets its cookie."""
    parts = parts_of(request)
    found = await sessions.sign_in(parts, body)
    set_cookie(response, parts, found)
    response.headers["Cache-Control"] = "no-store"
    return await sessions.view(parts, found.caller, found)


@router.get("/session")
async def show(request: Request, response: Response, caller: User) -> Session:
    """Who is signed in here, and the token that writes of this browser must show."""
    parts = parts_of(request)
    response.headers["Cache-Control"] = "no-store"
    found = None if "authorization" in request.headers else await browser(parts, request)
    return await sessions.view(parts, caller, found)


@router.delete("/session", status_code=204, dependencies=[Depends(allow(TokenKind.USER))])
async def sign_out(request: Request, response: Response) -> None:
    """End the session of this browser. A bearer token has none, and stays as it is."""
    parts = parts_of(request)
    found = None if "authorization" in request.headers else await browser(parts, request)
    if found is not None:
        await sessions.sign_out(parts, found.secret)
        set_cookie(response, parts, None)
