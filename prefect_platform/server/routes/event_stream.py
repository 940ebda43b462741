"""Answers that are server-sent events."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import cast

from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from prefect_platform.server.services.logs_live import Event


class EventStream(StreamingResponse):
    """Server-sent events. What they are made from is closed when the reader goes away."""

    def __init__(self, events: AsyncIterator[Event]) -> None:
        self._text = _text(events)
        headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
        super().__init__(self._text, headers=headers, media_type="text/event-stream")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with aclosing(self._text):
            await super().__call__(scope, receive, send)


async def _text(events: AsyncIterator[Event]) -> AsyncGenerator[str, None]:
    async with aclosing(cast(AsyncGenerator[Event, None], events)):
        async for event in events:
            if event.name is None:
                yield ": here\n\n"
            else:
                identity = f"id: {event.id}\n" if event.id else ""
                yield f"{identity}event: {event.name}\ndata: {event.data}\n\n"
