"""What `register` says beside: much that travels, and a Prefect that is not the user's own."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from prefect_platform.flows.capture.captured import Captured, Entry
from prefect_platform.flows.register import _other_prefect, _size_note
from prefect_platform.flows.settings import PrefectSettings, notebook_path
from prefect_platform.wire.flows import CodeKind
from prefect_platform.wire.projects import Project

PROJECT = Project(
    name="default", orchestrator_url="http://127.0.0.1:4200/api", work_pool="p", created_at=datetime.now(UTC)
)


def sized(*sizes: int) -> Captured:
    entries = tuple(Entry(f"{n}.bin", Path("/none"), size, "a" * 64) for n, size in enumerate(sizes))
    return Captured(CodeKind.FILES, "a.py:f", "here", entries)


def test_much_is_told_with_the_largest_first() -> None:
    assert _size_note(sized(50 << 20)) == []
    [note] = _size_note(sized(1, 60 << 20))
    assert note.startswith("60.0 MiB" if "60.0" in note else "60 MiB")
    assert "1.bin (60 MiB)" in note
    assert ".platformignore" in note


@pytest.mark.parametrize("own", [None, "http://127.0.0.1:4200/api", "http://localhost:4200/api/"])
def test_the_same_prefect_is_no_news(own: str | None) -> None:
    assert _other_prefect(PROJECT, PrefectSettings(own)) == []


def test_another_prefect_is_said() -> None:
    [note] = _other_prefect(PROJECT, PrefectSettings("http://prefect.example/api"))
    assert "http://127.0.0.1:4200/api, not in your own profile's http://prefect.example/api" in note


def test_the_notebook_is_known_by_its_path() -> None:
    assert notebook_path({"JPY_SESSION_NAME": "/home/ana/etl.ipynb"}) == "/home/ana/etl.ipynb"
    assert notebook_path({"JPY_SESSION_NAME": "1234-abcd"}) is None
    assert notebook_path({}) is None
