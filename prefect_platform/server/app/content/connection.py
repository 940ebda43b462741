"""The way to an upstream: one TCP connection for one request, spoken by h11.

Connections are not used again. On one machine a new one costs a fraction of a millisecond, and it means that
no answer can ever be taken for another's, that nothing is sent twice because a kept connection had died, and
that what an upstream makes of a request's end is of no consequence to anybody else.
"""

from __future__ import annotations

import asyncio
import socket

import h11

CONNECT_SECONDS = 5.0
CHUNK_BYTES = 1 << 18
HEAD_BYTES = 1 << 16


class NoAnswer(Exception):
    """The upstream's part of an answer is missing: what it did instead, to be said after its name."""


class Connection:
    """What is sent and received, as h11's events."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.http = h11.Connection(h11.CLIENT, max_incomplete_event_size=HEAD_BYTES)

    async def send(self, event: h11.Event) -> None:
        data = self.http.send(event)
        if data:
            self.writer.write(data)
            await self.writer.drain()

    async def receive(self) -> type[h11.NEED_DATA | h11.PAUSED] | h11.Event:
        while True:
            event = self.http.next_event()
            if event is not h11.NEED_DATA:
                return event
            self.http.receive_data(await self.reader.read(CHUNK_BYTES))

    def close(self) -> None:
        """At once: what the upstream has not taken by now is not for it."""
        self.writer.transport.abort()

    async def head(self) -> h11.Response | h11.InformationalResponse:
        """The head of the answer; 101 is one, other interim answers are passed over.

        Raises:
            NoAnswer: there is none, or it is not HTTP.
        """
        try:
            while True:
                event = await self.receive()
                if isinstance(event, h11.Response):
                    return event
                if isinstance(event, h11.InformationalResponse) and event.status_code == 101:
                    return event
                if not isinstance(event, h11.InformationalResponse):
                    raise NoAnswer("closed the connection without an answer")
        except OSError as error:
            raise NoAnswer("closed the connection without an answer") from error
        except h11.RemoteProtocolError as error:
            raise NoAnswer("answered what is no HTTP, or nothing") from error


async def connect(address: tuple[str, int]) -> Connection:
    """A new connection; the caller closes it.

    Raises:
        NoAnswer: nobody listens there.
    """
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            return Connection(*await asyncio.open_connection(*address, limit=CHUNK_BYTES))
    except TimeoutError as error:
        raise NoAnswer(f"did not take the connection within {CONNECT_SECONDS:g} s") from error
    except OSError as error:
        raise NoAnswer("refuses connections") from error


def keep_alive(writer: asyncio.StreamWriter) -> None:
    """Let the kernel find out when the other end of a connection without a timeout has gone."""
    sock = writer.get_extra_info("socket")
    if sock is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
