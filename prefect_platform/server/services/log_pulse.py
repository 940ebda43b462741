"""What a reader of live logs waits for: bytes, seals and moves of workloads, as one event."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, aclosing
from types import TracebackType
from typing import Protocol, Self, cast

from prefect_platform.server.services.parts import WORKLOADS, Parts


class _Closing(Protocol):
    async def aclose(self) -> None: ...


class Pulse:
    """`async with Pulse(parts) as pulse:` and then `watch` what is to be waited for.

    A hint, as all wake-ups are: the reader looks at the store and the database itself.
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._beat = asyncio.Event()
        self._stack = AsyncExitStack()
        self._watched: set[str] = set()
        self.moved = True
        """Whether some workload moved since the reader last set this to False."""

    async def __aenter__(self) -> Self:
        await self._begin(self._moves)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def watch(self, workload_id: str) -> None:
        """Be told of this workload's log, and let its launcher know that somebody is reading."""
        if workload_id not in self._watched:
            self._watched.add(workload_id)
            self._stack.enter_context(self._parts.log_activity.watching(workload_id))
            await self._begin(lambda: self._changes(workload_id))

    async def wait(self, timeout: float) -> None:
        """Until something happened, or `timeout` seconds."""
        try:
            await asyncio.wait_for(self._beat.wait(), timeout)
        except TimeoutError:
            return
        finally:
            self._beat.clear()

    async def _begin(self, follow: Callable[[], Awaitable[None]]) -> None:
        async def run() -> None:
            await follow()

        task = asyncio.create_task(run())
        self._stack.push_async_callback(_end, task)

    async def _changes(self, workload_id: str) -> None:
        changes = self._parts.logs.changes(workload_id)
        async with aclosing(cast(_Closing, changes)):
            async for _ in changes:
                self._beat.set()

    async def _moves(self) -> None:
        with self._parts.wakeups.listen(WORKLOADS) as listener:
            while True:
                if await listener.wait(60.0):
                    self.moved = True
                    self._beat.set()


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
