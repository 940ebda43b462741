"""Honours `Idempotency-Key` on the mutating calls of users and agents.

The whole request is compared, and the whole answer kept, before the caller gets it: whoever repeats a
call whose answer was lost gets that answer and nothing is done twice.
"""

from __future__ import annotations

import asyncio
import time

from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from prefect_platform.errors import Conflict
from prefect_platform.server.app.guard import is_opening, is_raw
from prefect_platform.server.auth import identified
from prefect_platform.server.services import idempotency
from prefect_platform.server.services.idempotency import Kept
from prefect_platform.server.services.parts import Parts
from prefect_platform.wire.tokens import TokenKind

HEADER = b"idempotency-key"
REPLAYED = b"idempotent-replayed"
MUTATING = frozenset({"POST", "PUT", "PATCH", "DELETE"})
KINDS = frozenset({TokenKind.USER, TokenKind.AGENT})
"""What workloads send is idempotent by nature: offsets, digests, ids."""

WAIT_SECONDS = 20.0
"""How long a repeat waits for a first call that is still under way, before it is told so."""
LOOK_SECONDS = 0.1


class KeptAnswers:
    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        key = _key(scope)
        token_id = await _holder(scope) if key is not None else None
        if key is None or token_id is None:
            await self._app(scope, receive, send)
            return
        parts: Parts = scope["app"].state.parts
        body = await _whole(receive)
        kept = await _begin(parts, token_id, key, _request(scope, body))
        if kept is not None:
            await _replay(kept, send)
            return
        await self._first(parts, token_id, key, scope, _given(body, receive), send)

    async def _first(
        self, parts: Parts, token_id: str, key: str, scope: Scope, receive: Receive, send: Send
    ) -> None:
        answer: list[Message] = []

        async def hold(message: Message) -> None:
            answer.append(message)

        status = 0
        try:
            await self._app(scope, receive, hold)
            status = answer[0]["status"]
        finally:
            if not 200 <= status < 300:
                await idempotency.release(parts, token_id, key)
        if 200 <= status < 300:
            body = b"".join(message.get("body", b"") for message in answer[1:])
            await idempotency.finish(parts, token_id, key, status, body)
        for message in answer:
            await send(message)


async def _begin(parts: Parts, token_id: str, key: str, request: bytes) -> Kept | None:
    """The kept answer, or None for the first call. A client that lost patience asks again while its first
    call is still at work: it gets that call's answer."""
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            return await idempotency.begin(parts, token_id, key, request)
        except Conflict as error:
            if not error.data.get("under_way") or time.monotonic() > deadline:
                raise
        await asyncio.sleep(LOOK_SECONDS)


def _key(scope: Scope) -> str | None:
    if scope["type"] != "http" or scope["method"] not in MUTATING:
        return None
    if is_raw(scope["method"], scope["path"]) or is_opening(scope["method"], scope["path"]):
        return None
    found = _header(scope, HEADER)
    return found.decode("latin-1") if found is not None else None


def _header(scope: Scope, name: bytes) -> bytes | None:
    return next((value for key, value in scope["headers"] if key == name), None)


async def _holder(scope: Scope) -> str | None:
    """Id of the caller's token; None for calls whose answers are not kept, refused ones among them."""
    caller = await identified(scope["app"].state.parts, Request(scope))
    return caller.token_id if caller is not None and caller.kind in KINDS else None


def _request(scope: Scope, body: bytes) -> bytes:
    """All that makes it this request."""
    line = f"{scope['method']} {scope['path']}?".encode()
    return b"".join([line, scope["query_string"], b"\n", body])


async def _whole(receive: Receive) -> bytes:
    """The body, which the guard has bounded."""
    pieces = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        pieces.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(pieces)


def _given(body: bytes, receive: Receive) -> Receive:
    """The body again for the route, and after it whatever comes on the connection."""
    first: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return first.pop() if first else await receive()

    return again


async def _replay(kept: Kept, send: Send) -> None:
    headers = [(REPLAYED, b"true")]
    body = (kept.body or "").encode()
    if kept.body is not None:
        headers.append((b"content-type", b"application/json"))
        headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": kept.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
