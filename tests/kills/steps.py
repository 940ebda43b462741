"""An agent that is killed in a chosen step of taking a run: a gateway to Prefect that kills whoever asks.

The step is a request of the agent's, before Prefect hears of it or after it has answered and before the
agent hears that. So each moment between two facts is hit for certain, and not by chance.
"""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from prefect_platform.testing.prefect_server import free_port


@dataclass(frozen=True)
class Step:
    """A request, and whether it is cut off on its way there or on its way back."""

    name: str
    method: str
    path: re.Pattern[str]
    body: bytes
    answered: bool
    dies: bool
    """Whether it comes after a run alone that died: one that tells its end itself needs no agent for it."""

    def fits(self, method: str, path: str, body: bytes) -> bool:
        return method == self.method and self.path.search(path) is not None and self.body in body


_AGENTS = b"user-agent: python-httpx"
"""What only an agent's own requests say."""
_RUN = r"/flow_runs/[0-9a-f-]{36}"
STEPS = tuple(
    Step(f"{when} {name}", method, re.compile(path), body, answered=when == "after", dies=dies)
    for name, method, path, body, dies in (
        ("looking for runs", "POST", r"/flow_runs/filter$", b'"SCHEDULED"', False),
        ("reading the deployment", "POST", r"/deployments/filter$", b"", False),
        ("the claim", "POST", rf"{_RUN}/set_state$", b'"PENDING"', False),
        ("noting the attempt", "PATCH", rf"{_RUN}$", b"infrastructure_pid", False),
        ("reading an ended run", "GET", rf"{_RUN}$", b"", True),
        ("reporting a crash", "POST", rf"{_RUN}/set_state$", b'"CRASHED"', True),
    )
    for when in ("before", "after")
)


class Gateway:
    """Stands before a Prefect API. While `step` is set, the next request that fits it kills."""

    def __init__(self, api: str, kill: Callable[[], int]) -> None:
        host, _, path = api.removeprefix("http://").partition("/")
        self._host, _, port = host.partition(":")
        self._port, self._kill = int(port), kill
        self.port = free_port()
        self.api = f"http://127.0.0.1:{self.port}/{path}"
        self.step: Step | None = None
        self.kills = 0
        """Requests at which something was killed."""
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)

    def start(self) -> None:
        self._thread.start()
        self._ready.wait(10)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(10)

    async def _serve(self) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._client, "127.0.0.1", self.port, limit=1 << 24)
        self._ready.set()
        await self._over.wait()
        server.close()

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = await asyncio.open_connection(self._host, self._port, limit=1 << 24)
        # Cancelled is what is still open when the gateway ends.
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while await self._exchange(reader, writer, *there):
                pass
        for one in (writer, there[1]):
            one.close()

    async def _exchange(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        back: asyncio.StreamReader,
        forth: asyncio.StreamWriter,
    ) -> bool:
        """One request and its answer. False once the connection is something else, or over."""
        head, body = await _message(reader)
        method, path = head.split(b" ", 2)[:2]
        ours = _AGENTS in head.lower()  # an engine and its launcher ask the same things
        hit = self._taken(method.decode(), path.decode().partition("?")[0], body) if ours else None
        if hit is not None and not hit.answered:
            return self._cut()
        forth.write(head + body)
        answer, content = await _message(back, to=method)
        if hit is not None:
            return self._cut()
        writer.write(answer + content)
        if b" 101 " in answer.split(b"\r\n")[0]:
            await asyncio.gather(_pipe(reader, forth), _pipe(back, writer))
            return False
        return True

    def _cut(self) -> bool:
        """Kill who asks, and end the connection."""
        self.kills += bool(self._kill())
        return False

    def _taken(self, method: str, path: str, body: bytes) -> Step | None:
        step = self.step
        if step is None or not step.fits(method, path, body):
            return None
        self.step = None
        return step


async def _message(reader: asyncio.StreamReader, *, to: bytes = b"") -> tuple[bytes, bytes]:
    """Head and body of one message of HTTP/1.1; `to` is the method that an answer answers."""
    head = await reader.readuntil(b"\r\n\r\n")
    fields = head.lower()
    if b"transfer-encoding: chunked" in fields:
        body = b""
        while not body.endswith(b"0\r\n\r\n"):
            size = await reader.readuntil(b"\r\n")
            body += size + await reader.readexactly(int(size, 16) + 2)
        return head, body
    length = re.search(rb"\r\ncontent-length: *(\d+)", fields)
    bare = to == b"HEAD" or length is None
    return head, b"" if bare or length is None else await reader.readexactly(int(length[1]))


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(1 << 16):
        writer.write(data)
        await writer.drain()
    writer.close()


@contextmanager
def gateway(api: str, kill: Callable[[], int]) -> Iterator[Gateway]:
    """A gateway that answers at `.api` as Prefect does at `api`; `kill` tells how many it killed."""
    made = Gateway(api, kill)
    made.start()
    try:
        yield made
    finally:
        made.stop()
