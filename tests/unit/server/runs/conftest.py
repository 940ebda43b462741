"""Both databases, and a scene with one flow in each."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from tests.server_scene import Scene, cluster, database_url, postgres_url, scene

__all__ = ["cluster", "database_url", "postgres_url"]


@pytest_asyncio.fixture
async def stage(database_url: str, tmp_path: Path) -> AsyncIterator[Scene]:
    async with scene(database_url, tmp_path) as made:
        yield made
