"""Who may call a route: `caller = Depends(allow(TokenKind.USER))`. Every route but health uses it.

Kinds are checked here; membership and ownership are the services' rules.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import cast

from fastapi import Request

from prefect_platform.errors import Forbidden, NotSignedIn
from prefect_platform.server.services import tokens
from prefect_platform.server.services.callers import Caller
from prefect_platform.server.services.parts import Parts
from prefect_platform.wire.tokens import TokenKind


def parts_of(request: Request) -> Parts:
    """The parts that the composition root put on the application."""
    return cast(Parts, request.app.state.parts)


def allow(*kinds: TokenKind) -> Callable[[Request], Awaitable[Caller]]:
    """A dependency that lets these kinds of token pass, and gives the caller.

    Raises:
        NotSignedIn: no bearer token, or one that is unknown, expired or revoked.
        Forbidden: a token of another kind.
    """

    async def check(request: Request) -> Caller:
        scheme, _, secret = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not secret:
            raise NotSignedIn(
                "This call needs a bearer token: `prefect-platform login`, or `up` on this machine."
            )
        caller = await tokens.resolve(parts_of(request), secret)
        if caller is None:
            raise NotSignedIn(
                "The platform does not know this token, or it has expired. `prefect-platform login URL` "
                "takes another; `prefect-platform doctor` shows where this one is from."
            )
        if caller.kind not in kinds:
            raise Forbidden(f"A {caller.kind.value} token may not call {request.method} {request.url.path}.")
        return caller

    check.allowed = kinds  # type: ignore[attr-defined]  # read by the test that walks every route
    return check
