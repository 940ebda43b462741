"""A controller's claim on one workload: a token in its row that expires.

Whoever holds it renews it while it works, and writes only while the token in the row is its own.
A controller that was killed, or slept, has lost it: another goes on from the last checkpoint.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from sqlalchemy import CursorResult, or_, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from prefect_platform.server.db.tables import WorkloadRow
from prefect_platform.server.services.parts import Parts

logger = logging.getLogger(__name__)


class LockLost(Exception):
    """Another controller has this workload now: what this one still wanted to write is void.

    It never leaves the controller, so it is none of the platform's errors.
    """


class Lock:
    """The right to move one workload on."""

    def __init__(self, parts: Parts, workload_id: str) -> None:
        self.parts, self.workload_id, self.token = parts, workload_id, secrets.token_hex(16)

    async def take(self) -> bool:
        """Whether the claim is ours: it was free, or its holder let it expire."""
        now = self.parts.clock.now()
        free = or_(WorkloadRow.lock_token.is_(None), WorkloadRow.lock_expires_at < now)
        return await self._update(free, lock_token=self.token, lock_expires_at=self._expiry())

    async def renew(self) -> bool:
        return await self._update(WorkloadRow.lock_token == self.token, lock_expires_at=self._expiry())

    async def release(self) -> None:
        await self._update(WorkloadRow.lock_token == self.token, lock_token=None, lock_expires_at=None)

    @asynccontextmanager
    async def write(self) -> AsyncIterator[tuple[AsyncSession, WorkloadRow]]:
        """A transaction with the row, which nobody else writes meanwhile.

        Raises:
            LockLost: the token in the row is not ours any more.
        """
        async with self.parts.database.session() as session:
            row = await session.scalar(
                select(WorkloadRow)
                .where(WorkloadRow.id == self.workload_id, WorkloadRow.lock_token == self.token)
                .with_for_update()
                .execution_options(populate_existing=True)
            )
            if row is None:
                raise LockLost(f"The lock on workload {self.workload_id} was lost to another controller.")
            yield session, row

    async def read(self) -> WorkloadRow:
        """The row as it is now, to decide by.

        Raises:
            LockLost: as `write`.
        """
        async with self.parts.database.reader() as session:
            row: WorkloadRow | None = await session.get(WorkloadRow, self.workload_id)
        if row is None or row.lock_token != self.token:
            raise LockLost(f"The lock on workload {self.workload_id} was lost to another controller.")
        return row

    def _expiry(self) -> Any:
        return self.parts.clock.now() + timedelta(seconds=self.parts.config.runs.lock_seconds)

    async def _update(self, condition: Any, **values: Any) -> bool:
        statement = update(WorkloadRow).where(WorkloadRow.id == self.workload_id, condition).values(**values)
        async with self.parts.database.session() as session:
            done = await session.execute(statement)
            return isinstance(done, CursorResult) and done.rowcount == 1


async def forget_all(parts: Parts) -> None:
    """Free what a killed server held. Only where no other server can be: on SQLite, at the start."""
    if parts.database.is_sqlite:
        async with parts.database.session() as session:
            await session.execute(update(WorkloadRow).values(lock_token=None, lock_expires_at=None))


async def held(parts: Parts, workload_id: str, work: Callable[[Lock], Awaitable[None]]) -> bool:
    """Do `work` while holding the lock. False if another controller holds it.

    Raises:
        LockLost: it was lost in the middle, and `work` was stopped at once.
    """
    lock = Lock(parts, workload_id)
    if not await lock.take():
        return False
    working = asyncio.ensure_future(work(lock))
    renewing = asyncio.create_task(_renew(lock))
    try:
        await asyncio.wait({working, renewing}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise LockLost(f"The lock on workload {workload_id} was lost to another controller.")
        working.result()
    finally:
        await _end(working, renewing)
        await _release(lock)
    return True


async def _renew(lock: Lock) -> None:
    """Returns when the lock is lost."""
    while True:
        await lock.parts.clock.sleep(lock.parts.config.runs.lock_seconds / 3)
        try:
            if not await asyncio.shield(asyncio.ensure_future(lock.renew())):
                return
        except (SQLAlchemyError, OSError):  # the next try may come through; if none does, it expires
            logger.warning("The lock on %s could not be renewed", lock.workload_id, exc_info=True)


async def _end(*tasks: asyncio.Future[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _release(lock: Lock) -> None:
    try:
        await lock.release()
    except (SQLAlchemyError, OSError):  # it expires by itself
        logger.warning("The lock on %s could not be released", lock.workload_id, exc_info=True)
