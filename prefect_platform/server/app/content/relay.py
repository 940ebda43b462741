"""One HTTP request to a resource and its answer back, both piece by piece as they come.

Nothing is collected: a piece is read when the one before it has been taken by the other side. There is no
bound on a body and no timeout on an answer, which may be a stream of events that stays open for days.
"""

from __future__ import annotations

import asyncio
from contextlib import closing
from typing import Any

import h11
from starlette.types import Message, Receive, Send

from prefect_platform.errors import Forbidden
from prefect_platform.server.app.content import headers
from prefect_platform.server.app.content.admission import reach, renewal, scheme_of
from prefect_platform.server.app.content.asked import Asked, Headers
from prefect_platform.server.app.content.connection import Connection, NoAnswer
from prefect_platform.server.services.contents import Visit
from prefect_platform.server.services.parts import Parts

LOOKING = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing: whoever only looks does no work."""


async def relay(parts: Parts, asked: Asked, visit: Visit, receive: Receive, send: Send) -> None:
    """Pass a request on, until its answer is complete, the browser has gone, or the visit has ended.

    Raises:
        NoAnswer: the upstream does not answer, or not to the end.
        Forbidden: the visit has ended.
    """
    upstream, connection = await reach(parts, visit)
    if asked.method.upper() not in LOOKING:
        parts.contents.act(upstream.workload_id, parts.clock.uptime())
    with closing(connection), parts.contents.visiting(visit):
        sent = headers.to_upstream(asked, upstream, scheme_of(parts))
        await _send(connection, h11.Request(method=asked.method, target=asked.target, headers=sent))
        up = asyncio.create_task(_up(receive, connection))
        down = asyncio.create_task(_down(connection, send, renewal(parts, visit)))
        await _first_of(up, down, visit)


async def _first_of(up: asyncio.Task[None], down: asyncio.Task[None], visit: Visit) -> None:
    try:
        waited: list[asyncio.Future[Any]] = [up, down, visit.ended]
        done, _ = await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
        for task in (down, up):
            if task in done:
                task.result()
                return  # answered, or nobody is there to be answered
        raise Forbidden(visit.ended.result())
    finally:
        for task in (up, down):
            task.cancel()
        await asyncio.gather(up, down, return_exceptions=True)


async def _up(receive: Receive, connection: Connection) -> None:
    """The request's body; then wait for the browser to go."""
    taken, more = True, True
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        if message.get("body") and taken:
            taken = await _send(connection, h11.Data(data=message["body"]))
        if more and not message.get("more_body", False):
            more = False
            taken = taken and await _send(connection, h11.EndOfMessage())


async def _send(connection: Connection, event: h11.Event) -> bool:
    """Whether the upstream takes it. One that does not may have answered already: `_down` will know."""
    try:
        await connection.send(event)
    except OSError:
        return False
    return True


async def _down(connection: Connection, send: Send, added: Headers) -> None:
    head = await connection.head()
    if not isinstance(head, h11.Response) or not 200 <= head.status_code < 600:
        raise NoAnswer(f"answered with status {head.status_code}, which nobody asked for")
    passed = [*headers.to_browser(head.headers), *added]
    await send({"type": "http.response.start", "status": head.status_code, "headers": passed})
    while (data := await _piece(connection)) is not None:
        await send(_body(data, more=True))
    await send(_body(b"", more=False))


async def _piece(connection: Connection) -> bytes | None:
    """The next piece of the answer; None at its end."""
    try:
        event = await connection.receive()
    except (OSError, h11.RemoteProtocolError) as error:
        raise NoAnswer("broke off in the middle of an answer") from error
    return event.data if isinstance(event, h11.Data) else None


def _body(data: bytes, *, more: bool) -> Message:
    return {"type": "http.response.body", "body": data, "more_body": more}
