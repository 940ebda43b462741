from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.cli.scene import Scene, scene


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Scene]:
    with scene(tmp_path) as found:
        yield found
