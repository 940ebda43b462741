"""Prefect Cloud's shape before a real Prefect server: account and workspace in the path, a key, limits.

Real sockets on the loopback interface. What Cloud does differently is here as far as Prefect's own clients
show it: they send the key as `Bearer`, on `/events/in` in the handshake and elsewhere in the first frame;
they never ask Cloud for its version or a CSRF token, so neither is there.
"""

from __future__ import annotations

import asyncio
import json
import threading
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from prefect_platform.server.app.serving import listening

START_SECONDS = 30.0
LACKING = ("admin/version", "csrf-token")
"""What Cloud answers 404 to."""
_NOT_PASSED = {
    "host",
    "authorization",
    "content-length",
    "connection",
    "accept-encoding",
    "transfer-encoding",
}
_NOT_GIVEN = {"content-length", "content-encoding", "transfer-encoding", "connection", "date", "server"}
_UNAUTHORISED, _REFUSED = 401, 1008


@dataclass
class Limit:
    """So many requests of those that `wanted` chooses are answered 429."""

    left: int
    retry_after: str
    wanted: Callable[[str, str], bool]


@dataclass
class CloudGateway:
    """One workspace. `upstream` is the API of a Prefect server, `upstream_auth` its `user:password`."""

    upstream: str
    upstream_auth: str | None = field(default=None, repr=False)
    key: str = field(default_factory=lambda: f"pnu_{uuid.uuid4().hex}", repr=False)
    account: str = field(default_factory=lambda: str(uuid.uuid4()))
    workspace: str = field(default_factory=lambda: str(uuid.uuid4()))
    port: int = 0
    limited: int = 0
    """Requests that were answered 429."""
    refused: int = 0
    """Requests and sockets that came without the key."""
    sockets: list[str] = field(default_factory=list)
    """Paths of the sockets that were let through."""
    _limit: Limit | None = field(default=None, repr=False)
    _thread: _Serving | None = field(default=None, repr=False)

    @property
    def cloud_api_url(self) -> str:
        """What Prefect's clients need as `PREFECT_CLOUD_API_URL`."""
        return f"http://127.0.0.1:{self.port}/api"

    @property
    def url(self) -> str:
        return f"{self.cloud_api_url}/accounts/{self.account}/workspaces/{self.workspace}"

    @property
    def environment(self) -> dict[str, str]:
        """For a client of Prefect's."""
        return {
            "PREFECT_API_URL": self.url,
            "PREFECT_API_KEY": self.key,
            "PREFECT_CLOUD_API_URL": self.cloud_api_url,
        }

    def limit(
        self, count: int, retry_after: float | str = 1, wanted: Callable[[str, str], bool] | None = None
    ) -> None:
        """Answer the next `count` requests 429; `wanted` chooses them by method and path."""
        self._limit = Limit(count, str(retry_after), wanted or (lambda _method, _path: True))

    def up(self) -> None:
        """Serve, where it did before if it did."""
        self._thread = _Serving(self)
        self._thread.begin()
        self.port = self._thread.port

    def down(self) -> None:
        """Hang up on everybody, and let nobody in."""
        if self._thread is not None:
            self._thread.end()
            self._thread = None

    # What is asked.

    def app(self) -> Starlette:
        place = f"/api/accounts/{self.account}/workspaces/{self.workspace}/{{path:path}}"
        methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]
        routes = [
            Route("/api/me/workspaces", self._workspaces),
            Route("/api/me/", self._workspaces),
            Route(place, self._http, methods=methods),
            WebSocketRoute(place, self._websocket),
        ]
        return Starlette(routes=routes, lifespan=self._lifespan)

    @asynccontextmanager
    async def _lifespan(self, app: Starlette) -> AsyncIterator[None]:
        user, _, password = (self.upstream_auth or "").partition(":")
        auth = httpx.BasicAuth(user, password) if self.upstream_auth else None
        limits = httpx.Limits(keepalive_expiry=3)  # the server hangs up after five seconds
        async with httpx.AsyncClient(auth=auth, timeout=90, limits=limits, trust_env=False) as http:
            app.state.http = http
            yield

    def _refusal(self, request: Request) -> Response | None:
        if request.headers.get("authorization", "").lower() != f"bearer {self.key}".lower():
            self.refused += 1
            return JSONResponse({"detail": "Unauthorized"}, _UNAUTHORISED)
        limit = self._limit
        if limit and limit.left and limit.wanted(request.method, request.path_params.get("path", "")):
            limit.left -= 1
            self.limited += 1
            return JSONResponse({"detail": "Too many"}, 429, {"Retry-After": limit.retry_after})
        return None

    async def _workspaces(self, request: Request) -> Response:
        shown = {
            "account_id": self.account,
            "account_name": "account",
            "account_handle": "account",
            "workspace_id": self.workspace,
            "workspace_name": "workspace",
            "workspace_description": "",
            "workspace_handle": "workspace",
        }
        return self._refusal(request) or JSONResponse([shown])

    async def _http(self, request: Request) -> Response:
        path = request.path_params["path"]
        refusal = self._refusal(request)
        if refusal is not None:
            return refusal
        if path in LACKING:
            return JSONResponse({"detail": "Not Found"}, 404)
        headers = {name: value for name, value in request.headers.items() if name not in _NOT_PASSED}
        query = f"?{request.url.query}" if request.url.query else ""
        try:
            answer = await request.app.state.http.request(
                request.method,
                f"{self.upstream}/{path}{query}",
                headers=headers,
                content=await request.body(),
            )
        except httpx.TransportError as error:
            return JSONResponse({"detail": f"bad gateway: {type(error).__name__}"}, 502)
        given = {name: value for name, value in answer.headers.items() if name not in _NOT_GIVEN}
        return Response(answer.content, answer.status_code, given)

    # Sockets.

    async def _websocket(self, socket: WebSocket) -> None:
        path = socket.path_params["path"]
        protocols = [Subprotocol(name) for name in socket.scope["subprotocols"]]
        by_header = socket.headers.get("authorization", "").lower() == f"bearer {self.key}".lower()
        if not protocols and not by_header:
            self.refused += 1
            await socket.close(_REFUSED)  # before it is accepted: 403
            return
        url = f"ws{self.upstream.removeprefix('http')}/{path}"
        # Cloud's `/events/in` has no handshake after that of HTTP; the server's has.
        asked = protocols or [Subprotocol("prefect")]
        try:
            async with connect(url, subprotocols=asked, proxy=None, max_size=None) as server:
                await socket.accept(subprotocol=server.subprotocol if protocols else None)
                if await self._let_in(socket, server, by_header=not protocols):
                    self.sockets.append(path)
                    await _relay(socket, server)
        except (OSError, ConnectionClosed, WebSocketDisconnect):
            return  # one side is gone, and so is the other now

    async def _let_in(self, socket: WebSocket, server: ClientConnection, *, by_header: bool) -> bool:
        """Look at the first frame, and sign in at the server with its own credentials."""
        if not by_header:
            first = json.loads(await socket.receive_text())
            if first.get("type") != "auth" or first.get("token") != self.key:
                self.refused += 1
                await socket.close(_REFUSED, "Unauthorized")
                return False
        await server.send(json.dumps({"type": "auth", "token": self.upstream_auth}))
        if by_header:
            await server.recv()  # its answer, which Cloud does not give here
        return True


async def _relay(socket: WebSocket, server: ClientConnection) -> None:
    """Frames of both directions until one side ends."""

    async def there() -> None:
        while True:
            message = await socket.receive()
            if message["type"] == "websocket.disconnect":
                return
            await server.send(message["text"] if message.get("text") is not None else message["bytes"])

    async def back() -> None:
        async for frame in server:
            await (socket.send_text(frame) if isinstance(frame, str) else socket.send_bytes(frame))
        await socket.close(server.close_code or 1000, server.close_reason)

    ways = [asyncio.ensure_future(there()), asyncio.ensure_future(back())]
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)


class _Serving(threading.Thread):
    """The gateway's thread, from one `up` to the next `down`."""

    def __init__(self, gateway: CloudGateway) -> None:
        super().__init__(name="cloud-gateway", daemon=True)
        self._socket = listening("127.0.0.1", gateway.port)
        self._listens = threading.Event()
        self.port = 0
        self._app = gateway.app()
        self._server = uvicorn.Server(
            uvicorn.Config(
                self._app,
                loop="asyncio",
                lifespan="off",
                ws="websockets-sansio",
                log_config=None,
                access_log=False,
                timeout_graceful_shutdown=0,
            )
        )

    def begin(self) -> None:
        self.start()
        if not self._listens.wait(START_SECONDS):
            raise TimeoutError(f"The gateway was not ready after {START_SECONDS} s.")

    def run(self) -> None:
        with self._socket as sock:
            self.port = sock.getsockname()[1]
            asyncio.run(self._run(sock))

    async def _run(self, sock: Any) -> None:
        async with self._app.router.lifespan_context(self._app):
            self._listens.set()  # the socket does already; who comes now is answered in a moment
            await self._server.serve(sockets=[sock])

    def end(self) -> None:
        self._server.force_exit = True
        self._server.should_exit = True
        self.join(START_SECONDS)


@contextmanager
def cloud_gateway(upstream: str, upstream_auth: str | None = None) -> Iterator[CloudGateway]:
    """A workspace of a Cloud that is a Prefect server behind a gateway."""
    gateway = CloudGateway(upstream.rstrip("/"), upstream_auth)
    gateway.up()
    try:
        yield gateway
    finally:
        gateway.down()
