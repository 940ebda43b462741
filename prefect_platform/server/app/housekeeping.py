"""What has to be thrown away now and then: unconfirmed versions, unused bundles, results, old answers, values
of secrets, notifications, sign-ins that are over, settings of Jupyter servers that are gone, what retention
says; and deletions to go on with."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any

from prefect_platform.server.services import (
    bundles,
    content,
    deletions,
    idempotency,
    jupyter_settings,
    log_retention,
    notification_delivery,
    registration,
    results,
    retention,
    secret_values,
)
from prefect_platform.server.services.parts import Parts

FIRST_SECONDS = 60.0
"""After the start, so that a platform that is restarted daily is swept too."""
EVERY_SECONDS = 3600.0
STOP_SECONDS = 5.0

_log = logging.getLogger(__name__)


JOBS: tuple[tuple[str, Callable[[Parts], Awaitable[int]]], ...] = (
    ("logs", log_retention.remove),
    ("runs", retention.forget_runs),
    ("starts of resources", retention.forget_starts),
    ("deleted resources", retention.forget_resources),
    ("ended clusters", retention.forget_clusters),
    ("unconfirmed versions", registration.reap),
    ("deleted flows' versions", retention.forget_versions),
    ("bundles", bundles.reap),
    ("environments", retention.forget_environments),
    ("results", results.reap),
    ("values of secrets", secret_values.reap),
    ("kept answers", idempotency.sweep),
    ("sign-ins", content.sweep),
    ("notifications", notification_delivery.sweep),
    ("settings of deleted Jupyter servers", jupyter_settings.sweep),
)
"""Each removes something and tells how much. In this order: what goes lets go of what comes after it."""


@asynccontextmanager
async def housekeeping(parts: Parts) -> AsyncIterator[None]:
    """Sweep, go on with deletions, and end visits, in the background while the block runs."""
    tasks = [
        asyncio.create_task(_sweep_forever(parts), name="housekeeping"),
        asyncio.create_task(_delete_forever(parts), name="deletions"),
        asyncio.create_task(content.watch(parts), name="visits"),
    ]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await parts.contents.settled(STOP_SECONDS)


async def _sweep_forever(parts: Parts) -> None:
    pause = FIRST_SECONDS
    while True:
        await parts.clock.sleep(pause)
        pause = EVERY_SECONDS
        await _whole(sweep(parts))


async def _delete_forever(parts: Parts) -> None:
    """At the start too: the deletion that the last server was killed at goes on at once."""
    while True:
        try:
            await _whole(deletions.sweep(parts))
        except Exception:  # noqa: BLE001 - a database that is away for a moment ends no deletion
            _log.exception("deletions of flows do not go on; it is tried again in a moment")
        await parts.clock.sleep(deletions.SWEEP_SECONDS)


async def _whole(work: Coroutine[Any, Any, object]) -> None:
    """Do a round to its end even if the loop is cancelled: no transaction is left in the middle. What takes
    longer than `STOP_SECONDS` then is cancelled too, and made up for by the next server."""
    task = asyncio.create_task(work)
    try:
        await asyncio.shield(task)
    finally:
        await asyncio.wait([task], timeout=STOP_SECONDS)
        task.cancel()
        await asyncio.wait([task])


async def sweep(parts: Parts) -> None:
    """One round. A job that fails is tried again in the next; the others are done all the same."""
    removed = []
    for name, job in JOBS:
        try:
            removed.append((name, await job(parts)))
        except Exception:  # noqa: BLE001 - whatever fails for one job, the others and the server go on
            _log.exception("housekeeping of %s failed; it is tried again in an hour", name)
    told = ", ".join(f"{count} {name}" for name, count in removed if count)
    if told:
        _log.info("removed %s", told)
