"""What is installed is what was tested together; two of the pins have a story (docs/dependencies.md)."""

from __future__ import annotations

import importlib.metadata
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PINS = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().split() if "==" in line)


@pytest.mark.parametrize("name", ["prefect", "sqlalchemy", "fastapi", "starlette", "pydantic"])
def test_installed_is_pinned(name: str) -> None:
    assert importlib.metadata.version(name) == PINS[name]


def test_sqlalchemy_stays_below_2_1() -> None:
    """With 2.1 Prefect's scheduler silently creates no runs."""
    assert tuple(map(int, PINS["sqlalchemy"].split(".")[:2])) < (2, 1)


def test_constraints_are_names_and_versions_alone() -> None:
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        assert re.fullmatch(r"[a-z0-9-]+==[0-9A-Za-z.+!]+|#.*|", line), line
