"""Who may call a route: `caller = Depends(allow(TokenKind.USER))`. Every route but health uses it.

A caller shows a bearer token, or the cookie of a browser that signed in. Kinds are checked here; membership
and ownership are the services' rules.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from typing import cast
from urllib.parse import urlsplit

from fastapi import Request
from starlette.requests import HTTPConnection
from starlette.responses import Response

from prefect_platform.errors import Forbidden, NotSignedIn
from prefect_platform.server.config import ServerConfig
from prefect_platform.server.services import sessions, tokens
from prefect_platform.server.services.callers import Caller
from prefect_platform.server.services.parts import Parts
from prefect_platform.server.services.sessions import SignedIn
from prefect_platform.wire.tokens import TokenKind

CSRF_HEADER = "X-CSRF-Token"
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def parts_of(request: Request) -> Parts:
    """The parts that the composition root put on the application."""
    return cast(Parts, request.app.state.parts)


def allow(*kinds: TokenKind) -> Callable[[Request], Awaitable[Caller]]:
    """A dependency that lets these kinds of token pass, and gives the caller.

    Raises:
        NotSignedIn: no bearer token and no session, or one that is unknown, expired or revoked.
        Forbidden: a token of another kind, or a browser's write without its CSRF token.
    """

    async def check(request: Request) -> Caller:
        caller = await identified(parts_of(request), request)
        if caller is None:
            raise NotSignedIn(_unknown(request))
        if caller.kind not in kinds:
            raise Forbidden(f"A {caller.kind.value} token may not call {request.method} {request.url.path}.")
        return caller

    check.allowed = kinds  # type: ignore[attr-defined]  # read by the test that walks every route
    return check


async def identified(parts: Parts, request: Request) -> Caller | None:
    """Who calls, by token or cookie; None if nobody is known.

    Raises:
        Forbidden: a browser's write does not show the CSRF token of its session.
    """
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    if scheme:
        return await tokens.resolve(parts, secret) if scheme.lower() == "bearer" and secret else None
    found = await browser(parts, request)
    if found is None:
        return None
    if request.method not in SAFE:
        _check_csrf(request, found)
    return found.caller


async def browser(parts: Parts, request: HTTPConnection) -> SignedIn | None:
    """The session of the browser that calls, if it has one."""
    held = cookies(request, cookie_name(parts))
    return await sessions.signed_in(parts, held) if held else None


def _check_csrf(request: Request, found: SignedIn) -> None:
    shown = request.headers.get(CSRF_HEADER, "")
    if not hmac.compare_digest(shown.encode(), sessions.csrf_token(found.secret).encode()):
        raise Forbidden(
            f"A browser's {request.method} shows the CSRF token of its session in {CSRF_HEADER}: "
            "`GET /api/v1/session` tells it."
        )


def _unknown(request: Request) -> str:
    if "authorization" not in request.headers:
        return "This call needs a bearer token: `prefect-platform login`, or `up` on this machine."
    return (
        "The platform does not know this token, or it has expired. `prefect-platform login URL` "
        "takes another; `prefect-platform doctor` shows where this one is from."
    )


def cookie_name(parts: Parts) -> str:
    """One for each installation: cookies do not tell ports apart, and a machine may run several."""
    return f"prefect-platform-{parts.installation_id}"


def cookies(request: HTTPConnection, name: str) -> list[str]:
    """Every value that the browser has under a name: another server of the host may have set some too."""
    found = []
    for header in request.headers.getlist("cookie"):
        for text in header.split(";"):
            key, equals, value = text.strip().partition("=")
            if equals and key == name:
                found.append(value)
    return found


def set_cookie(response: Response, parts: Parts, found: SignedIn | None) -> None:
    """Give a browser its session; None takes it."""
    response.set_cookie(
        cookie_name(parts),
        found.secret if found else "",
        max_age=sessions.COOKIE_SECONDS if found else 0,
        path=base_path(parts.config),
        secure=urlsplit(parts.config.public_url).scheme == "https",
        httponly=True,
        samesite="lax",
    )


def base_path(config: ServerConfig) -> str:
    """Where below its host the platform is, with a slash at both ends."""
    path = urlsplit(config.public_url).path.strip("/")
    return f"/{path}/" if path else "/"
