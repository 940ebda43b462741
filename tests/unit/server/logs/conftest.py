"""A scene with one flow in it, on each database, where time stands still."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from prefect_platform.testing.manual_clock import ManualClock
from tests.server_scene import Scene, scene


@pytest_asyncio.fixture
async def stage(database_url: str, tmp_path: Path) -> AsyncIterator[Scene]:
    async with scene(database_url, tmp_path, clock=ManualClock()) as made:
        yield made
