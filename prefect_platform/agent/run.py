"""The process of an agent: started by `prefect-platform agent run`, ended by SIGTERM or SIGINT at once.

Its end stops no run: what runs goes on, and the next agent takes up what is left to report.
"""

from __future__ import annotations

import logging
import signal
from collections.abc import Sequence
from importlib import metadata
from typing import TYPE_CHECKING

import anyio

from prefect_platform._version import __version__
from prefect_platform.client.settings import connect
from prefect_platform.errors import Unavailable
from prefect_platform.wire.agents import AgentReport

if TYPE_CHECKING:
    from prefect_platform.agent.platform import Platform
    from prefect_platform.client.api import PlatformClient
    from prefect_platform.wire.agents import WorkPool

log = logging.getLogger("prefect_platform.agent")

_LAST_WORDS_SECONDS = 2.0
_LONGEST_PAUSE = 5.0


def run_agent(
    client: PlatformClient | None = None, *, queues: Sequence[str] = (), limit: int | None = None
) -> None:
    """Serve the platform's work pool until a signal comes.

    Args:
        client: The platform with this agent's token; without it, the one that settings and
            environment name. Prefect's address and credentials come from Prefect's own settings.
        queues: Work queues of the pool to serve; all of them by default.
        limit: Most flow runs that it has open at once.

    Raises:
        UsageError, NotSignedIn, Forbidden: the settings cannot be used; the message says why.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        anyio.run(_until_signalled, client or connect(), queues, limit)
    except BaseExceptionGroup as group:
        raise _first(group) from group


async def _until_signalled(client: PlatformClient, queues: Sequence[str], limit: int | None) -> None:
    from prefect_platform.agent.platform import ClientPlatform

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_cancel_on_signal, tasks.cancel_scope)
        await _serve(ClientPlatform(client), queues, limit)
        tasks.cancel_scope.cancel()


async def _cancel_on_signal(scope: anyio.CancelScope) -> None:
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as received:
        async for number in received:
            log.info("%s: no more runs are taken; those that run go on.", signal.Signals(number).name)
            scope.cancel()
            return


async def _serve(platform: Platform, queues: Sequence[str], limit: int | None) -> None:
    from prefect_platform.agent.worker import PlatformWorker

    pool, name = await _identity(platform)
    served = list(queues) or [queue.name for queue in pool.queues]
    worker = PlatformWorker(work_pool_name=pool.name, name=name, work_queues=served or None, limit=limit)
    worker.platform = platform
    await worker.start(printer=log.info)


async def _identity(platform: Platform) -> tuple[WorkPool, str]:
    """The pool to serve and the name that Prefect shows, as soon as the platform answers."""
    pause = 0.1
    while True:
        try:
            pool = await platform.work_pool()
            agent = await platform.report(_first_report(pool.name))
            return pool, agent.name
        except Unavailable as error:
            log.warning("%s", error.message)
            await anyio.sleep(pause)
            pause = min(_LONGEST_PAUSE, 2 * pause)


def _first_report(pool: str) -> AgentReport:
    return AgentReport(version=__version__, prefect_version=metadata.version("prefect"), work_pool=pool)


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first single error of a group: people read one sentence, not a tree."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
