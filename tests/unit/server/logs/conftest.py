"""Both databases, and a scene with one flow in each."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from prefect_platform.testing.manual_clock import ManualClock
from tests.server_scene import Scene, scene


@pytest_asyncio.fixture
async def stage(empty_database_url: str, tmp_path: Path) -> AsyncIterator[Scene]:
    async with scene(empty_database_url, tmp_path, clock=ManualClock()) as made:
        yield made
