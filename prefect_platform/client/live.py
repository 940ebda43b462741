"""Server-sent events that go on by themselves: a broken connection is resumed with Last-Event-ID."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import requests

from prefect_platform.client.retries import Retries
from prefect_platform.client.transport import Transport
from prefect_platform.errors import Unavailable

SILENCE = 30.0
"""Seconds added to the read timeout: a quiet stream carries only the server's comments."""

LIVE = Retries(attempts=10, longest=5.0, patience=float("inf"))
"""Connections in a row that bring no event before a reader gives up: about half a minute."""


@dataclass(frozen=True)
class Event:
    name: str
    id: str | None
    data: str


def parse(lines: Iterable[str]) -> Iterator[Event]:
    """The events in the lines of a stream. One that is not ended by an empty line never happened."""
    name, ident, data = "message", None, list[str]()
    for line in lines:
        if not line:
            if data:
                yield Event(name, ident, "\n".join(data))
            name, data = "message", []
            continue
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "event":
            name = value
        elif field == "data":
            data.append(value)
        elif field == "id":
            ident = value


def events(
    transport: Transport, path: str, *, retries: Retries = LIVE, sleep: Callable[[float], None] = time.sleep
) -> Iterator[Event]:
    """Every event of the stream at `path`, until the caller stops asking or an `end` event comes.

    Raises:
        Unavailable: the stream broke off `retries.attempts` times in a row without a new event.
        PlatformError: the platform refused the stream.
    """
    last: str | None = None
    empty = 0
    while True:
        try:
            for event in _connection(transport, path, last):
                yield event
                if event.name == "end":
                    return
                last, empty = event.id or last, 0
            broken = "it was closed"
        except requests.RequestException as error:
            broken = type(error).__name__
        except Unavailable as error:
            broken = error.message
        empty += 1
        if empty >= retries.attempts:
            raise Unavailable(
                f"The live log at {transport.url}{path} broke off {empty} times in a row: {broken}"
            )
        sleep(retries.wait(empty))


def _connection(transport: Transport, path: str, last: str | None) -> Iterator[Event]:
    headers = {"Accept": "text/event-stream", "Cache-Control": "no-cache"}
    if last is not None:
        headers["Last-Event-ID"] = last
    with transport.stream(path, headers=headers, wait=SILENCE) as response:
        yield from parse(_lines(response))


def _lines(response: requests.Response) -> Iterator[str]:
    """Lines of the stream as they come. Only CR and LF end a line: the data may hold any other."""
    rest = b""
    # Without a size a chunked body is handed over chunk by chunk; any other would be waited for whole.
    size = None if response.raw.chunked else 1
    for piece in response.iter_content(size):
        *whole, rest = (rest + piece).replace(b"\r\n", b"\n").split(b"\n")
        yield from (line.decode("utf-8", "replace") for line in whole)
