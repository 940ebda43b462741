"""Sessions. A session is one transaction: it commits at the end of the block or rolls back.

Never a network or backend call inside one: it would hold SQLite's only write lock meanwhile.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from sqlite3 import OperationalError
from typing import Any

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.util import await_only

BUSY_SECONDS = 30
BUSY_PAUSE_SECONDS = 0.01


class Database:
    """One database, SQLite or PostgreSQL."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.engine: AsyncEngine = _engine(url)
        self._read = async_sessionmaker(self.engine, expire_on_commit=False)
        # One writer at a time on SQLite, waiting here and not inside SQLite: a connection that waits
        # there holds a mutex, and a garbage collection on the event loop's thread that frees a cursor
        # of it would stop the loop, and with it the writer that is waited for, until SQLite gives up.
        self._writer = asyncio.Lock() if self.is_sqlite else nullcontext()

    @property
    def is_sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    @asynccontextmanager
    async def session(self) -> AsyncIterator[AsyncSession]:
        """A transaction that may write; on SQLite it takes the write lock at once."""
        async with self._writer, self._read() as session, session.begin():
            if self.is_sqlite:
                await session.connection(execution_options={"platform_write": True})
            yield session

    @asynccontextmanager
    async def reader(self) -> AsyncIterator[AsyncSession]:
        """A transaction that only reads, all of it as of one moment; it never waits for a writer."""
        async with self._read() as session, session.begin():
            if not self.is_sqlite:
                await session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
            yield session

    async def aclose(self) -> None:
        await self.engine.dispose()


def _engine(url: str) -> AsyncEngine:
    if not url.startswith("sqlite"):
        return create_async_engine(url, pool_size=10, max_overflow=10, pool_pre_ping=True)
    engine = create_async_engine(url, connect_args={"timeout": BUSY_SECONDS})
    _configure_sqlite(engine)
    return engine


def _use_wal(cursor: Any) -> None:
    """Of two connections that switch a new database at the same moment SQLite refuses one at once, whatever
    its timeout: that one asks again."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            await_only(asyncio.sleep(BUSY_PAUSE_SECONDS))  # the driver runs this inside the event loop
        else:
            return


def _configure_sqlite(engine: AsyncEngine) -> None:
    @event.listens_for(engine.sync_engine, "connect")
    def connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # BEGIN is ours, below: the driver's own comes too late
        cursor = connection.cursor()
        _use_wal(cursor)
        for pragma in ("synchronous=NORMAL", "foreign_keys=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def begin(connection: Any) -> None:
        # A deferred transaction that turns into a write fails at once when another writes (BUSY_SNAPSHOT).
        write = connection.get_execution_options().get("platform_write", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")
