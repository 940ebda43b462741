"""What has to be thrown away now and then: unconfirmed versions, unused bundles and results, old
kept answers, replaced values of secrets."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from prefect_platform.server.services import bundles, idempotency, registration, results, secret_values
from prefect_platform.server.services.parts import Parts

FIRST_SECONDS = 60.0
"""After the start, so that a platform that is restarted daily is swept too."""
EVERY_SECONDS = 3600.0

_log = logging.getLogger(__name__)


@asynccontextmanager
async def housekeeping(parts: Parts) -> AsyncIterator[None]:
    """Sweep in the background while the block runs."""
    task = asyncio.create_task(_sweep_forever(parts), name="housekeeping")
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _sweep_forever(parts: Parts) -> None:
    pause = FIRST_SECONDS
    while True:
        await parts.clock.sleep(pause)
        pause = EVERY_SECONDS
        try:
            await sweep(parts)
        except Exception:  # noqa: BLE001 - what failed once is tried again in an hour; the rest of the server goes on
            _log.exception("housekeeping failed; it is tried again in an hour")


async def sweep(parts: Parts) -> None:
    """One round."""
    versions = await registration.reap(parts)
    unused = await bundles.reap(parts)
    forgotten = await results.reap(parts)
    answers = await idempotency.sweep(parts)
    values = await secret_values.reap(parts)
    if versions or unused or forgotten or answers or values:
        _log.info(
            "removed %d unconfirmed versions, %d bundles, %d results, %d kept answers, %d values of secrets",
            versions, unused, forgotten, answers, values,
        )  # fmt: skip
