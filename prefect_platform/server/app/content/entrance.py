"""The ASGI layer around everything else: content hosts end here, all other hosts go on to the API."""

from __future__ import annotations

import logging
import uuid
from urllib.parse import parse_qs

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from prefect_platform.errors import Forbidden, PlatformError, UsageError
from prefect_platform.server.app.content import asked as asking
from prefect_platform.server.app.content import headers
from prefect_platform.server.app.content.admission import admitted, check, scheme_of, unanswered
from prefect_platform.server.app.content.asked import Asked, Headers
from prefect_platform.server.app.content.connection import NoAnswer
from prefect_platform.server.app.content.hosts import label_of
from prefect_platform.server.app.content.pages import OWN, page
from prefect_platform.server.app.content.relay import relay
from prefect_platform.server.config import ServerConfig
from prefect_platform.server.services import content
from prefect_platform.server.services.parts import Parts

RESERVED = "/_platform/"
"""Paths of a content host that are the platform's, and never reach the resource."""

_log = logging.getLogger(__name__)


class Entrance:
    def __init__(self, app: ASGIApp, config: ServerConfig) -> None:
        self._app = app
        self._config = config

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = asking.of_scope(scope) if scope["type"] == "http" else None
        label = label_of(asked.host, self._config) if asked is not None else None
        if asked is None or label is None:
            await self._app(scope, receive, send)
            return
        await _Answering(scope["app"].state.parts, asked, label, send).answer(receive)


class _Answering:
    """One request at a content host."""

    def __init__(self, parts: Parts, asked: Asked, label: str, send: Send) -> None:
        self._parts, self._asked, self._label, self._raw_send = parts, asked, label, send
        self._started = False

    async def answer(self, receive: Receive) -> None:
        try:
            await self._answer(receive)
        except PlatformError as error:
            await self._page(error.status, error.message)
        except Exception as error:  # noqa: BLE001 - a fault of ours becomes an answer, and a line in the log
            fault = uuid.uuid4().hex[:12]
            _log.error("fault %s at %s", fault, self._label, exc_info=error)
            await self._page(500, f"The platform failed at this. Its log says why under fault {fault}.")

    async def _answer(self, receive: Receive) -> None:
        check(self._parts, self._asked)
        if self._asked.path.startswith(RESERVED):
            await self._enter()
            return
        visit = await admitted(self._parts, self._asked, self._label)
        try:
            await relay(self._parts, self._asked, visit, receive, self._send)
        except NoAnswer as error:
            await self._page(502, unanswered(visit, error))

    async def _enter(self) -> None:
        """Sign in with a ticket. A browser that only looks ahead must not use it up."""
        asked = self._asked
        if asked.path != content.ENTRANCE or asked.method != "GET" or asked.one("sec-purpose"):
            raise UsageError(f"Below {RESERVED} there is only GET {content.ENTRANCE}?ticket=…, for a visit.")
        query = asked.target.partition(b"?")[2].decode("latin-1")
        ticket = parse_qs(query).get("ticket", [""])[0]
        scheme = scheme_of(self._parts)
        try:
            secret, upstream = await content.enter(self._parts, self._label, ticket)
        except Forbidden:  # opened twice, perhaps: a browser that is signed in already just goes on
            visit = await content.visit(self._parts, self._label, headers.cookies(asked, scheme))
            if visit is None:
                raise
            await self._lead(visit.upstream.home)
            return
        await self._lead(upstream.home, headers.set_cookie(scheme, secret, content.SESSION_SECONDS))

    async def _lead(self, home: str, *more: tuple[bytes, bytes]) -> None:
        await self._own(303, [(b"location", home.encode()), *more, (b"content-length", b"0"), *OWN])

    async def _page(self, status: int, text: str) -> None:
        """Words, if nothing of an answer has gone out yet; else the connection breaks off."""
        if self._started:
            _log.warning("an answer of %s broke off: %s", self._label, text)
            return
        found, body = page(status, text, self._asked)
        await self._own(status, found, body)

    async def _own(self, status: int, found: Headers, body: bytes = b"") -> None:
        await self._send({"type": "http.response.start", "status": status, "headers": found})
        await self._send({"type": "http.response.body", "body": body})

    async def _send(self, message: Message) -> None:
        self._started = True
        await self._raw_send(message)
