"""A platform with resources to visit; what serves them is the tests' own, behind the seam for resources."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
import uvicorn
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from prefect_platform.names import new_id
from prefect_platform.server.services import content
from prefect_platform.server.services.callers import Caller
from prefect_platform.server.services.contents import Upstream
from prefect_platform.server.services.parts import Parts
from prefect_platform.testing.live_server import LiveServer
from tests import server_calls

KIND = "te"
"""What the tests' labels begin with."""
TOKEN = "token of-the-upstream"


@dataclass
class Resources:
    """Resources of a kind that only tests have."""

    parts: Parts
    known: dict[str, Upstream] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.parts.contents.register(KIND, self.resolve)

    async def resolve(self, session: AsyncSession, label: str) -> Upstream | None:
        return self.known.get(label)

    def add(self, project_id: str, address: tuple[str, int] | None, **fields: Any) -> str:
        label = new_id(KIND)
        values: dict[str, Any] = {
            "kind": "test-server", "name": "mine", "project_id": project_id, "workload_id": "wl-1",
            "address": address, "headers": (("Authorization", TOKEN),),
        }  # fmt: skip
        self.known[label] = Upstream(**values | fields)
        return label

    def change(self, label: str, **fields: Any) -> None:
        self.known[label] = replace(self.known[label], **fields)


@dataclass
class Site:
    """A live platform and its resources."""

    server: LiveServer
    resources: Resources
    project_id: str
    owner: Caller

    def add(self, address: tuple[str, int] | None, **fields: Any) -> str:
        return self.resources.add(self.project_id, address, **fields)

    def host(self, label: str) -> str:
        return f"{label}.localhost:{self.server.config.port}"

    def link(self, label: str, caller: Caller | None = None) -> str:
        async def made() -> str:
            async with self.server.parts.database.session() as session:
                return await content.link(session, self.server.parts, caller or self.owner, label)

        return self.server.call(made())

    def browser(self, label: str, **options: Any) -> httpx.Client:
        """A client at a resource's host; without a resolver for `*.localhost` it says so in its Host."""
        headers = {"Host": self.host(label), **options.pop("headers", {})}
        return httpx.Client(base_url=self.server.url, headers=headers, trust_env=False, timeout=30, **options)

    def enter(self, label: str, caller: Caller | None = None) -> str:
        """Follow a fresh link; the Cookie header of the browser after it."""
        link = httpx.URL(self.link(label, caller))
        with self.browser(label) as browser:
            answer = browser.get(link.raw_path.decode())
        assert answer.status_code == 303, answer.text
        return answer.headers["set-cookie"].partition(";")[0]

    def signed_in(self, label: str, caller: Caller | None = None) -> httpx.Client:
        return self.browser(label, headers={"Cookie": self.enter(label, caller)})


def site(server: LiveServer) -> Site:
    async def found() -> tuple[Caller, str]:
        owner = await server_calls.owner(server.parts)
        me = await server_calls.token_of(server.parts, server.token)
        return replace(owner, token_id=me), await server_calls.project_id(server.parts)

    owner, project_id = server.call(found())
    return Site(server, Resources(server.parts), project_id, owner)


@dataclass
class Web:
    """A resource's web server, and what it heard."""

    address: tuple[str, int]
    heard: list[dict[str, Any]] = field(default_factory=list)
    taken: int = 0
    """Bytes of bodies that it has read."""
    given: int = 0
    """Bytes of bodies that it has made."""
    gone: threading.Event = field(default_factory=threading.Event)
    """Set when somebody left an endless answer."""


@contextmanager
def web_server() -> Iterator[Web]:
    """A real HTTP server in a thread of its own."""
    web = Web(("127.0.0.1", 0))
    config = uvicorn.Config(_app(web), port=0, log_level="warning", ws="none", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        thread.join(0.01)
    web.address = server.servers[0].sockets[0].getsockname()
    yield web
    server.should_exit = server.force_exit = True
    thread.join(10)


def _app(web: Web) -> Starlette:
    methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
    handlers = {"take": _take, "give": _give, "events": _events, "answer": _answer, "{path:path}": _echo}
    app = Starlette(routes=[Route(f"/{path}", one, methods=methods) for path, one in handlers.items()])
    app.state.web = web
    return app


def _web(request: Request) -> Web:
    found: Web = request.app.state.web
    return found


async def _echo(request: Request) -> Response:
    """What was asked, as it arrived."""
    headers = [[name.decode("latin-1"), value.decode("latin-1")] for name, value in request.headers.raw]
    heard = {
        "method": request.method,
        "target": request.scope["raw_path"].decode(),
        "query": request.scope["query_string"].decode(),
        "body": (await request.body()).decode("latin-1"),
        "headers": headers,
    }
    _web(request).heard.append(heard)
    return JSONResponse(heard)


async def _take(request: Request) -> Response:
    """The size of the body."""
    size = 0
    async for piece in request.stream():
        size += len(piece)
        _web(request).taken += len(piece)
    return JSONResponse({"size": size})


async def _give(request: Request) -> Response:
    """`mib` MiB of body, chunked or with its length."""
    size = int(request.query_params["mib"])

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(size):
            _web(request).given += 1 << 20
            yield b"x" * (1 << 20)

    length = {"Content-Length": str(size << 20)} if "length" in request.query_params else None
    return StreamingResponse(pieces(), headers=length)


async def _events(request: Request) -> Response:
    """Server-sent events without an end."""

    async def forever() -> AsyncIterator[bytes]:
        try:
            for number in range(1_000_000):
                yield f"data: {number}\n\n".encode()
                await asyncio.sleep(0.02)
        finally:
            _web(request).gone.set()

    return StreamingResponse(forever(), media_type="text/event-stream")


async def _answer(request: Request) -> Response:
    """An answer that the request asks for."""
    asked = json.loads(request.query_params["answer"])
    response = Response(asked.get("body", ""), asked.get("status", 200))
    response.raw_headers += [(k.encode(), v.encode()) for k, v in asked.get("headers", [])]
    return response


@asynccontextmanager
async def raw_server(
    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[tuple[str, int]]:
    """Whatever a test wants an upstream to do with a connection, however wrong."""
    ended = asyncio.Event()
    ended.set()

    async def served(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ended.clear()
        try:
            await serve(reader, writer)
        except ConnectionError:
            pass  # the other side left first
        finally:
            writer.close()
            ended.set()

    async with await asyncio.start_server(served, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()
        await ended.wait()
