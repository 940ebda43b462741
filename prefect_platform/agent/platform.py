"""`Platform`: what the agent asks of the platform, and the client behind it.

The client is synchronous. Each call runs in a daemon thread of its own, so that a long poll under
way never keeps the process from ending.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Protocol, TypeVar

from prefect_platform.client.api import PlatformClient
from prefect_platform.client.retries import ONCE
from prefect_platform.wire.agents import Agent, AgentReport, WorkPool
from prefect_platform.wire.runs import Attempt, AttemptRequest, Capacity, Settlement, Work

Result = TypeVar("Result")


class Platform(Protocol):
    """The platform as one agent sees it.

    Every method raises `Unavailable` when the platform does not answer (the call may have been
    done or not), and other `PlatformError`s for its refusals, which are final for that call.
    All of them may be repeated.
    """

    async def capacity(self) -> Capacity: ...

    async def ask(self, request: AttemptRequest) -> Attempt:
        """Make an attempt, or give the one that this Pending state already has.

        Raises:
            NotFound: the platform does not know the flow version.
            Conflict, NoCapacity: not now.
        """
        ...

    async def attempt(self, attempt_id: str) -> Attempt:
        """Raises `NotFound` for an attempt that this agent may not see."""
        ...

    async def settle(self, attempt_id: str, settlement: Settlement) -> Attempt:
        """Tell what Prefect says of an ended attempt."""
        ...

    async def cancel(self, attempt_id: str, reason: str) -> Attempt:
        """Stop an attempt. No-op for one that has ended."""
        ...

    async def work(self, after: str | None, wait: float) -> Work:
        """What there is to do: at once if it is not what `after` stands for, else within `wait` seconds."""
        ...

    async def report(self, report: AgentReport) -> Agent: ...

    async def work_pool(self) -> WorkPool: ...


class ClientPlatform:
    """`Platform` over HTTP."""

    def __init__(self, client: PlatformClient) -> None:
        self._client = client

    async def capacity(self) -> Capacity:
        return await in_thread(self._client.capacity)

    async def ask(self, request: AttemptRequest) -> Attempt:
        return await in_thread(lambda: self._client.attempts.create(request))

    async def attempt(self, attempt_id: str) -> Attempt:
        return await in_thread(lambda: self._client.attempts.get(attempt_id))

    async def settle(self, attempt_id: str, settlement: Settlement) -> Attempt:
        return await in_thread(lambda: self._client.attempts.settle(attempt_id, settlement))

    async def cancel(self, attempt_id: str, reason: str) -> Attempt:
        return await in_thread(lambda: self._client.attempts.cancel(attempt_id, reason))

    async def work(self, after: str | None, wait: float) -> Work:
        return await in_thread(lambda: self._client.agents.work(after, wait, retries=ONCE))

    async def report(self, report: AgentReport) -> Agent:
        return await in_thread(lambda: self._client.agents.report(report))

    async def work_pool(self) -> WorkPool:
        return await in_thread(self._client.agents.work_pool)


async def in_thread(function: Callable[[], Result]) -> Result:
    """What `function` returns or raises, called in a daemon thread; cancelling gives the thread up."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Result] = loop.create_future()

    def resolve(result: Result | None, error: BaseException | None) -> None:
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)  # type: ignore[arg-type]

    def call() -> None:
        try:
            result, error = function(), None
        except BaseException as caught:  # noqa: BLE001 - it goes to the caller
            result, error = None, caught
        try:
            loop.call_soon_threadsafe(resolve, result, error)
        except RuntimeError:  # The loop is closed: nobody waits any more.
            return

    threading.Thread(target=call, name="platform-call", daemon=True).start()
    return await future
