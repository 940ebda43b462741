# ruff: noqa: E501 - tables of cases and messages read best one a line
"""WebSockets to a resource through the platform: byte for byte, and only for who is signed in."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed, ConnectionClosedError, InvalidStatus
from websockets.http11 import Request, Response

from prefect_platform.server.services import tokens
from prefect_platform.server.services.callers import Caller
from prefect_platform.testing.live_server import live_server
from prefect_platform.wire.tokens import TokenKind
from tests.content_scene import TOKEN, Site, raw_server, site

MIB = 1 << 20
LABEL_OF_NONE = "te-00000000000000000000000000"


@dataclass
class Echo:
    """A resource that answers messages with themselves, and what it heard."""

    server: Server | None = None
    requests: list[Request] = field(default_factory=list)
    closed: list[tuple[int | None, str | None]] = field(default_factory=list)
    pongs: int = 0

    @property
    def address(self) -> tuple[str, int]:
        assert self.server is not None
        found: tuple[str, int] = next(iter(self.server.sockets)).getsockname()
        return found

    async def serve(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        self.requests.append(connection.request)
        path = connection.request.path
        try:
            if path == "/close":
                await connection.close(4321, "that is all")
            elif path == "/ping":
                await (await connection.ping(b"how are you"))
                self.pongs += 1
            elif path.startswith("/give"):
                await connection.send(os.urandom(1024) * int(path.partition("?")[2]))
            async for message in connection:
                await connection.send(message)
        except ConnectionClosed:
            pass
        self.closed.append((connection.close_code, connection.close_reason))


def refuse_some(connection: ServerConnection, request: Request) -> Response | None:
    return connection.respond(418, "no WebSocket here\n") if request.path == "/refuse" else None


@pytest.fixture(scope="module")
def place() -> Iterator[Site]:
    with live_server() as server:
        yield site(server)


@pytest_asyncio.fixture
async def echo() -> AsyncIterator[Echo]:
    found = Echo()
    async with serve(
        found.serve,
        "127.0.0.1",
        0,
        max_size=None,
        process_request=refuse_some,
        select_subprotocol=lambda _, offered: offered[0] if offered else None,
    ) as server:
        found.server = server
        yield found


@pytest.fixture
def label(place: Site, echo: Echo) -> str:
    return place.add(echo.address)


@asynccontextmanager
async def opened(place: Site, label: str, path: str = "/", **options: Any) -> AsyncIterator[ClientConnection]:
    """A browser's WebSocket; signed in unless it has headers of its own."""
    headers = options.pop("headers", None)
    if headers is None:
        headers = {"Cookie": await asyncio.to_thread(place.enter, label)}
    port = place.server.config.port
    async with connect(
        f"ws://{options.pop('named', place.host(label))}{path}", host="127.0.0.1", port=port, max_size=None,
        additional_headers=headers, origin=options.pop("origin", f"http://{place.host(label)}"), proxy=None, close_timeout=1, **options,
    ) as connection:  # fmt: skip
        yield connection


async def until(look: Any) -> None:
    async with asyncio.timeout(10):
        while not look():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


@pytest.mark.asyncio
@pytest.mark.parametrize("compression", ["deflate", None])
async def test_messages_of_both_kinds_go_both_ways(place: Site, label: str, compression: Any) -> None:
    async with opened(place, label, compression=compression) as browser:
        for message in ("caf\u00e9", b"\x00\xff" * 1000, "", b"", "x" * 100_000):
            await browser.send(message)
            assert await browser.recv() == message
        assert bool(browser.protocol.extensions) == bool(compression)


@pytest.mark.asyncio
async def test_fragments_stay_fragments(place: Site) -> None:
    frames: list[bytes] = []

    async def upstream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await handshake(reader, writer)
        frames.append(await reader.readexactly(9 + 8))
        writer.write(b"\x01\x01a" + b"\x89\x00" + b"\x80\x01b")  # a text in two pieces around a ping
        await writer.drain()
        await reader.read()

    async def pieces() -> AsyncIterator[str]:
        yield "a"
        yield "b"

    async with (
        raw_server(upstream) as address,
        opened(place, place.add(address), compression=None) as browser,
    ):
        await browser.send(pieces())
        assert [piece async for piece in browser.recv_streaming()] == ["a", "b"]
    heads = [frames[0][0], frames[0][7], frames[0][14]]
    assert heads == [0x01, 0x00, 0x80]  # first piece, next piece, the end


async def handshake(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    from websockets.utils import accept_key

    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    key = next(
        line.split(": ")[1] for line in head.split("\r\n") if line.lower().startswith("sec-websocket-key")
    )
    writer.write(
        f"HTTP/1.1 101 Go\r\nUpgrade: WebSocket\r\nConnection: upgrade\r\nSet-Cookie: prefect-platform=evil\r\n"
        f"Set-Cookie: a=1; Domain=localhost\r\nSec-WebSocket-Accept: {accept_key(key)}\r\n\r\n".encode()
    )


@pytest.mark.asyncio
async def test_an_upgrade_sets_no_cookie_of_ours(place: Site) -> None:
    async def upstream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await handshake(reader, writer)
        writer.write(b"\x88\x00")
        await reader.read()

    async with raw_server(upstream) as address, opened(place, place.add(address)) as browser:
        assert browser.response is not None
        assert browser.response.headers.get_all("set-cookie") == ["a=1"]


@pytest.mark.asyncio
async def test_the_resource_hears_no_credential_of_the_platform(place: Site, label: str, echo: Echo) -> None:
    cookie = await asyncio.to_thread(place.enter, label)
    sent = {
        "Cookie": f"a=1; {cookie}",
        "Authorization": f"Bearer {place.server.token}",
        "X-Forwarded-For": "10.0.0.1",
    }
    async with opened(place, label, "/x?y=%20", headers=sent, subprotocols=["v1.kernel"]) as browser:
        assert browser.subprotocol == "v1.kernel"
    heard = echo.requests[0]
    assert heard.path == "/x?y=%20"
    assert (heard.headers["cookie"], heard.headers["authorization"]) == ("a=1", TOKEN)
    assert (heard.headers["host"], heard.headers["x-forwarded-for"]) == (place.host(label), "127.0.0.1")
    told = json.dumps(list(heard.headers.raw_items()))
    assert cookie.partition("=")[2] not in told
    assert place.server.token not in told


@pytest.mark.asyncio
async def test_pings_reach_the_other_end(place: Site, label: str, echo: Echo) -> None:
    async with opened(place, label, "/ping") as browser:
        await (await browser.ping())
        await until(lambda: echo.pongs == 1)


@pytest.mark.asyncio
async def test_close_codes_are_the_two_ends_own(place: Site, label: str, echo: Echo) -> None:
    async with opened(place, label, "/close") as browser:
        with pytest.raises(ConnectionClosedError):
            await browser.recv()
        assert (browser.close_code, browser.close_reason) == (4321, "that is all")
    async with opened(place, label) as browser:
        await browser.close(4000, "going")
    await until(lambda: (4000, "going") in echo.closed)


@pytest.mark.asyncio
async def test_a_browser_that_vanishes_is_gone_there_too(place: Site, label: str, echo: Echo) -> None:
    async with opened(place, label) as browser:
        await browser.send("x")
        await browser.recv()
        browser.transport.abort()
    await until(lambda: echo.closed == [(1006, "")])
    await until(lambda: not place.server.parts.contents.visits)


@pytest.mark.asyncio
async def test_a_message_of_a_hundred_megabytes(place: Site, label: str) -> None:
    message = os.urandom(MIB) * 100
    async with opened(place, label, compression=None, ping_interval=None) as browser:
        await browser.send(message)
        assert await browser.recv() == message


@pytest.mark.asyncio
async def test_a_browser_that_does_not_read_stops_the_resource(place: Site) -> None:
    written = 0

    async def upstream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal written
        await handshake(reader, writer)
        frame = b"\x82\x7f" + (MIB).to_bytes(8, "big") + b"x" * MIB
        for _ in range(300):
            writer.write(frame)
            await writer.drain()
            written += MIB

    options = {"compression": None, "max_queue": 1, "ping_interval": None}
    async with raw_server(upstream) as address, opened(place, place.add(address), **options) as browser:
        before = -1
        while written != before:
            before = written
            await asyncio.sleep(0.5)
        assert written < 100 * MIB
        taken = 0
        while taken < 300 * MIB:
            taken += len(await browser.recv())


@pytest.mark.asyncio
async def test_a_refusal_of_the_resource_is_told_as_it_is(place: Site, label: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with opened(place, label, "/refuse"):
            pass
    assert (refused.value.response.status_code, refused.value.response.body) == (418, b"no WebSocket here\n")


# Who may not


async def status(place: Site, label: str, **options: Any) -> int:
    with pytest.raises(InvalidStatus) as refused:
        async with opened(place, label, **options):
            pass
    return refused.value.response.status_code


@pytest.mark.asyncio
async def test_without_a_sign_in_the_resource_hears_nothing(place: Site, label: str, echo: Echo) -> None:
    other = place.add(echo.address)
    theirs = await asyncio.to_thread(place.enter, other)
    for headers in ({}, {"Cookie": "prefect-platform=junk"}, {"Cookie": theirs}, {**place.server.headers}):
        assert await status(place, label, headers=headers) == 403
    assert await status(place, LABEL_OF_NONE, headers={}) == 403
    assert echo.requests == []


@pytest.mark.asyncio
@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:4280", "https://{host}"])
async def test_of_another_page_it_hears_nothing(place: Site, label: str, echo: Echo, origin: str) -> None:
    assert await status(place, label, origin=origin.format(host=place.host(label))) == 403
    other = place.add(echo.address)
    assert await status(place, label, origin=f"http://{place.host(other)}") == 403
    cookie = await asyncio.to_thread(place.enter, label)
    assert await status(place, label, headers={"Cookie": cookie, "Sec-Fetch-Site": "cross-site"}) == 403
    assert echo.requests == []


@pytest.mark.asyncio
async def test_a_program_without_an_origin_may(place: Site, label: str) -> None:
    async with opened(place, label, origin=None) as browser:
        await browser.send("x")
        assert await browser.recv() == "x"


@pytest.mark.asyncio
async def test_the_api_has_none(place: Site, label: str, echo: Echo) -> None:
    port = place.server.config.port
    cookie = await asyncio.to_thread(place.enter, label)
    for named in (f"127.0.0.1:{port}", f"{label}.evil.example:{port}", f"{label}.localhost.:{port}"):
        assert await status(place, label, named=named, headers={"Cookie": cookie}, origin=None) == 422
    upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", **place.server.headers}
    answer = await asyncio.to_thread(httpx.get, f"{place.server.url}/api/v1/me", headers=upgrade)
    assert answer.status_code == 422
    assert "the API has none" in answer.text
    assert echo.requests == []


@pytest.mark.asyncio
async def test_a_body_is_no_part_of_it(place: Site, label: str, echo: Echo) -> None:
    sent = {"Upgrade": "websocket", "Connection": "Upgrade", "Host": place.host(label)}
    sent["Cookie"] = await asyncio.to_thread(place.enter, label)
    answer = await asyncio.to_thread(
        httpx.post, place.server.url, headers=sent, content=b"GET / HTTP/1.1\r\n\r\n"
    )
    assert answer.status_code == 422
    assert echo.requests == []


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "data",
    [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 101 Go\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n",
     b"HTTP/1.1 101 Go\r\n\r\n"],
)  # fmt: skip
async def test_what_is_no_handshake_is_said(place: Site, data: bytes) -> None:
    async def upstream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(data)
        await writer.drain()

    async with raw_server(upstream) as address:
        assert await status(place, place.add(address)) == 502


@pytest.mark.asyncio
async def test_nobody_listens(place: Site) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        label = place.add(free.getsockname())
    assert await status(place, label) == 502
    place.resources.change(label, address=None, state="stopped")
    assert await status(place, label) == 503


# Ends


@pytest.mark.asyncio
async def test_an_open_one_ends_with_the_token(place: Site, label: str, echo: Echo) -> None:
    parts = place.server.parts

    async def with_token() -> str:
        async with parts.database.session() as session:
            row, _ = await tokens.issue(
                session, parts, kind=TokenKind.USER, label="x", user_id=place.owner.user_id
            )
        return row.id

    token_id = await asyncio.to_thread(place.server.call, with_token())
    caller = Caller(TokenKind.USER, token_id, "x", place.owner.user_id)
    mine = {"Cookie": await asyncio.to_thread(place.enter, label, caller)}
    async with opened(place, label) as other, opened(place, label, headers=mine) as browser:
        await asyncio.to_thread(place.server.call, tokens.revoke(parts, place.owner, token_id))
        with pytest.raises(ConnectionClosedError):
            await browser.recv()
        await other.send("still here")
        assert await other.recv() == "still here"
    assert await status(place, label, headers=mine) == 403


@pytest.mark.asyncio
async def test_a_restart_of_the_platform_keeps_sign_ins_and_is_not_held_up(
    echo: Echo, tmp_path: Path
) -> None:
    async with AsyncExitStack() as stack:
        with live_server(tmp_path / "data") as server:
            first = site(server)
            label = first.add(echo.address)
            cookie = await asyncio.to_thread(first.enter, label)
            browser = await stack.enter_async_context(opened(first, label, headers={"Cookie": cookie}))
            await browser.send("x")
            await browser.recv()
        with pytest.raises(ConnectionClosedError):
            await browser.recv()
    with live_server(tmp_path / "data", port=server.config.port) as again:
        second = site(again)
        second.resources.known[label] = first.resources.known[label]
        async with opened(second, label, headers={"Cookie": cookie}) as browser:
            await browser.send("again")
            assert await browser.recv() == "again"
