"""WebSockets to a resource: checked like every request, then carried byte for byte.

After both sides have agreed to switch, the platform has nothing to say in what they speak. So frames,
fragments, pings, compression and close codes are the two ends' own, no message has a bound, and none is held
in memory: what one side does not read is not read from the other. There is no timeout: a notebook may be
silent for days. The kernel's keep-alive finds ends that have gone, and a visit that ends takes its
WebSockets with it.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import closing
from typing import Any, cast

import h11
from uvicorn.config import Config
from uvicorn.server import ServerState

from prefect_platform.errors import PlatformError, UsageError
from prefect_platform.server.app.content import headers
from prefect_platform.server.app.content.admission import (
    admitted,
    check,
    reach,
    renewal,
    scheme_of,
    unanswered,
)
from prefect_platform.server.app.content.asked import Asked, Headers
from prefect_platform.server.app.content.connection import (
    CHUNK_BYTES,
    HEAD_BYTES,
    Connection,
    NoAnswer,
    keep_alive,
)
from prefect_platform.server.app.content.hosts import label_of
from prefect_platform.server.app.content.pages import page
from prefect_platform.server.services.contents import Visit
from prefect_platform.server.services.parts import Parts

HANDSHAKE_SECONDS = 60.0
"""For the upstream's answer to the upgrade."""
CLOSE = (b"connection", b"close")
SWITCH: Headers = [(b"connection", b"Upgrade"), (b"upgrade", b"websocket")]

_log = logging.getLogger(__name__)


class Upgrade(asyncio.StreamReaderProtocol):
    """Uvicorn hands every request with `Upgrade: websocket` to its `ws` protocol, and this is it.

    The signature, `shutdown` and the set of connections are what it asks of one.
    """

    def __init__(self, config: Config, server_state: ServerState, app_state: dict[str, Any]) -> None:
        self._parts = cast(Parts, cast(Any, config.app).state.parts)
        self._server = server_state
        super().__init__(asyncio.StreamReader(limit=CHUNK_BYTES), self._serve)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._connection = cast(asyncio.Transport, transport)
        self._server.connections.add(cast(Any, self))
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._server.connections.discard(cast(Any, self))
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """The platform stops. The resource does not: the browser comes back to it when the platform does."""
        self._connection.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = cast("asyncio.Task[None]", asyncio.current_task())
        self._server.tasks.add(task)
        task.add_done_callback(self._server.tasks.discard)
        browser = Browser(reader, writer)
        try:
            await _answer(self._parts, browser)
        except OSError as error:
            _log.debug("an upgrade was left: %s", error)
        except Exception:  # noqa: BLE001 - the browser is told by the end of the connection
            _log.exception("a fault in an upgrade")
        finally:
            writer.close()


class Browser:
    """The browser's end: its request, and the answers that are not a switch."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.http = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_BYTES)
        self.asked = Asked("GET", b"/", [], "")

    async def request(self) -> Asked:
        """What is asked for; whole, because uvicorn has read it once already."""
        while not isinstance(event := self.http.next_event(), h11.Request):
            self.http.receive_data(await self.reader.read(CHUNK_BYTES))
        self.http.next_event()  # the end of a request without a body
        peer = self.writer.get_extra_info("peername")
        self.asked = Asked(event.method.decode(), event.target, list(event.headers), peer[0] if peer else "")
        return self.asked

    async def send(self, event: h11.Event) -> None:
        self.writer.write(self.http.send(event) or b"")
        await self.writer.drain()

    async def refuse(self, status: int, text: str) -> None:
        found, body = page(status, text, self.asked)
        await self.send(h11.Response(status_code=status, headers=[*found, CLOSE]))
        await self.send(h11.Data(data=body))
        await self.send(h11.EndOfMessage())


async def _answer(parts: Parts, browser: Browser) -> None:
    try:
        asked = await browser.request()
        label = label_of(asked.host, parts.config)
        if label is None:
            raise UsageError("This host takes no WebSockets: the API has none.")
        if asked.method != "GET" or asked.all("content-length") or asked.all("transfer-encoding"):
            raise UsageError("A request for a WebSocket is a GET without a body.")
        check(parts, asked, upgrade=True)
        await _pass_on(parts, browser, await admitted(parts, asked, label))
    except PlatformError as error:
        await browser.refuse(error.status, error.message)


async def _pass_on(parts: Parts, browser: Browser, visit: Visit) -> None:
    try:
        upstream, connection = await reach(parts, visit)
        with closing(connection.writer), parts.contents.visiting(visit):
            sent = [*headers.to_upstream(browser.asked, upstream, scheme_of(parts)), *SWITCH]
            head = await _handshake(connection, browser.asked, sent)
            if isinstance(head, h11.Response):
                await _pass_answer(connection, browser, head)
            else:
                await _switch(connection, browser, head, visit, renewal(parts, visit))
    except NoAnswer as error:
        await browser.refuse(502, unanswered(visit, error))


async def _handshake(
    connection: Connection, asked: Asked, sent: Headers
) -> h11.Response | h11.InformationalResponse:
    try:
        async with asyncio.timeout(HANDSHAKE_SECONDS):
            await connection.send(h11.Request(method="GET", target=asked.target, headers=sent))
            await connection.send(h11.EndOfMessage())
            head = await connection.head()
    except (OSError, TimeoutError) as error:
        raise NoAnswer("did not answer the request for a WebSocket") from error
    upgraded = [value.lower() for name, value in head.headers if name == b"upgrade"]
    if head.status_code == 101 and upgraded != [b"websocket"]:
        raise NoAnswer("switched to something that is no WebSocket")
    return head


async def _pass_answer(connection: Connection, browser: Browser, head: h11.Response) -> None:
    """What the resource says instead of switching."""
    found = [*headers.to_browser(head.headers), CLOSE]
    await browser.send(h11.Response(status_code=head.status_code, headers=found, reason=head.reason))
    while isinstance(event := await connection.receive(), h11.Data):
        await browser.send(event)
    await browser.send(h11.EndOfMessage())


async def _switch(
    connection: Connection, browser: Browser, head: h11.InformationalResponse, visit: Visit, added: Headers
) -> None:
    found = [*headers.to_browser(head.headers), *added, *SWITCH]
    await browser.send(h11.InformationalResponse(status_code=101, headers=found, reason=head.reason))
    browser.writer.write(connection.http.trailing_data[0])
    connection.writer.write(browser.http.trailing_data[0])
    for writer in (browser.writer, connection.writer):
        keep_alive(writer)
    pumps = [
        asyncio.create_task(_pump(browser.reader, connection.writer)),
        asyncio.create_task(_pump(connection.reader, browser.writer)),
    ]
    try:
        waited: list[asyncio.Future[Any]] = [*pumps, visit.ended]
        await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for pump in pumps:
            pump.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Carry bytes until one side ends. A side that resets has ended too."""
    while data := await reader.read(CHUNK_BYTES):
        writer.write(data)
        await writer.drain()
