"""How far a worker's log goes, from the files of its launcher and the pipe before them."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from prefect_platform.dask_cluster import printed
from prefect_platform.launcher.spool import Spool


def test_what_a_launcher_has_written(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "dask-worker-1", segment_bytes=8)
    assert printed.spooled(tmp_path / "dask-worker-1") == 0
    for _ in range(5):
        spool.append(b"12345")
    assert printed.spooled(tmp_path / "dask-worker-1") == 25
    spool.acknowledge(20)
    assert printed.spooled(tmp_path / "dask-worker-1") == 25


@pytest.mark.asyncio
async def test_what_stands_in_the_pipe_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read, write = os.pipe()
    monkeypatch.setattr(printed, "STDOUT", write)
    os.write(write, b"a line\n")
    asked = asyncio.ensure_future(printed.size(tmp_path))
    await asyncio.wait({asked}, timeout=20 * printed.LOOK_SECONDS)
    assert not asked.done()
    (tmp_path / "00000000000000000000").write_bytes(os.read(read, 100))
    assert await asked == 7
    os.close(read)
    os.close(write)


class Scheduler:
    """A connection to one whose workers answer so."""

    def __init__(self, answers: dict[str, Any], seconds: float = 0.0) -> None:
        self.answers, self.seconds = answers, seconds

    async def broadcast(self, **_: Any) -> dict[str, Any]:
        await asyncio.sleep(self.seconds)
        return self.answers


@pytest.mark.asyncio
async def test_processes_of_one_worker_share_its_log() -> None:
    answers = {"a": ("dask-worker-1", 5), "b": ("dask-worker-1", 9), "c": ("dask-worker-2", 1)}
    assert await printed.printed(Scheduler(answers)) == {"dask-worker-1": 9, "dask-worker-2": 1}


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "answer", [None, {"status": "uncaught-error"}, ("dask-worker-2",), ("a", "b")], ids=range(4)
)
async def test_a_worker_of_another_version_is_left_out(answer: Any) -> None:
    found = await printed.printed(Scheduler({"a": ("dask-worker-1", 5), "b": answer}))
    assert found == {"dask-worker-1": 5}


@pytest.mark.asyncio
async def test_one_that_prints_without_a_pause_is_not_waited_for_longer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, write = os.pipe()
    os.write(write, b"nobody reads this\n")
    monkeypatch.setattr(printed, "STDOUT", write)
    monkeypatch.setattr(printed, "ANSWER_SECONDS", 0.05)
    assert await printed.size(tmp_path) == 0
    os.close(read)
    os.close(write)


@pytest.mark.asyncio
async def test_a_stuck_worker_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(printed, "ANSWER_SECONDS", 0.01)
    assert await printed.printed(Scheduler({"a": ("dask-worker-1", 5)}, seconds=60)) == {}
