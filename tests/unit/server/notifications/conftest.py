from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.notification_scene import Notifying, notifying
from tests.receivers import Webhook, webhook


@pytest_asyncio.fixture
async def stage(database_url: str, tmp_path: Path) -> AsyncIterator[Notifying]:
    async with notifying(database_url, tmp_path) as made:
        yield made


@pytest.fixture
def hook() -> Iterator[Webhook]:
    with webhook() as found:
        yield found
