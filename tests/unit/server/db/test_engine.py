"""Connections to a new SQLite file."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import text

from prefect_platform.server.db.engine import Database


async def journal_mode(database: Database) -> str:
    async with database.reader() as session:
        return str(await session.scalar(text("PRAGMA journal_mode")))


@pytest.mark.asyncio
async def test_many_first_connections_at_once(tmp_path: Path) -> None:
    for number in range(25):
        databases = [Database(f"sqlite+aiosqlite:///{tmp_path / f'{number}.db'}") for _ in range(8)]
        assert await asyncio.gather(*map(journal_mode, databases)) == ["wal"] * 8
        for database in databases:
            await database.aclose()
