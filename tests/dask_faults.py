"""Tasks that meet faults. Each leaves a mark for every time that its body was really begun."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import distributed
from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.filesystems import WritableFileSystem
from prefect.futures import as_completed, wait
from prefect.utilities.asyncutils import sync_compatible


def marks(directory: Path, name: str) -> int:
    """How often a body was begun."""
    return len(list(directory.glob(f"{name}-*")))


def leave_mark(directory: Path, name: str) -> None:
    (directory / f"{name}-{time.time_ns()}").touch()


@task(cache_policy=NO_CACHE)
def kills_its_worker(directory: Path, times: int = 1) -> str:
    leave_mark(directory, "kills")
    if marks(directory, "kills") <= times:
        os.kill(os.getpid(), signal.SIGKILL)
    return "survived"


@task(cache_policy=NO_CACHE)
def process_id() -> int:
    return os.getpid()


@task(cache_policy=NO_CACHE)
def marked(directory: Path, name: str, until: Path | None = None) -> str:
    """With `until` it ends when that file is there."""
    leave_mark(directory, name)
    deadline = time.monotonic() + 60
    while until is not None and not until.exists():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{until} never came")
        time.sleep(0.02)
    return name


@task(cache_policy=NO_CACHE)
def echo(value: Any = None) -> Any:
    return value


@task(cache_policy=NO_CACHE)
def returns_a_lock() -> dict[str, Any]:
    return {"inner": [threading.Lock()]}


@task(cache_policy=NO_CACHE)
def large(size: int) -> bytes:
    return b"x" * size


@task(cache_policy=NO_CACHE)
def length(data: bytes) -> int:
    return len(data)


@task(cache_policy=NO_CACHE)
def with_collections() -> tuple[int, float, int, str]:
    """Uses Dask inside a task in its three ways; the fourth is where the client of it is."""
    import dask
    import dask.array
    import dask.dataframe
    import pandas as pd

    frame = dask.dataframe.from_pandas(pd.DataFrame({"a": range(10)}), npartitions=2)
    total = int(frame.a.sum().compute())
    mean = float(dask.array.ones((8, 8), chunks=(4, 4)).mean().compute())
    with distributed.worker_client() as client:
        delayed = client.compute(dask.delayed(sum)([1, 2, 3])).result()
    return total, mean, delayed, distributed.get_client().scheduler.address


class Stuck(Exception):
    """An error that cannot leave the process where it was raised."""

    def __init__(self) -> None:
        super().__init__("stuck")
        self.lock = threading.Lock()


@task(cache_policy=NO_CACHE)
def sums(how: str, numbers: list[int]) -> int:
    """The sum of tasks that it maps, waited for in one of several ways."""
    futures = echo.map(numbers)
    if how == "as_completed":
        return sum(future.result() for future in as_completed(futures))
    if how == "wait":
        return sum(future.result() for future in wait(futures, timeout=60).done)
    return sum(futures.result())


class Shelf(WritableFileSystem):
    """Keeps results under the names that they are given, as storage elsewhere does."""

    folder: str

    @sync_compatible
    async def read_path(self, path: str) -> bytes:
        return await asyncio.to_thread(Path(self.folder, path).read_bytes)

    @sync_compatible
    async def write_path(self, path: str, content: bytes) -> None:
        await asyncio.to_thread(Path(self.folder, path).write_bytes, content)


def known() -> None:
    """Called on workers, so that they have imported this module and know its blocks."""


@task(name="the first", cache_policy=NO_CACHE)
def fails() -> None:
    raise ValueError("no such day")


@task(persist_result=True)
def kept(value: Any) -> Any:
    return value


@task(persist_result=True)
def keeps(value: Any) -> Any:
    """A task whose own task has its result kept."""
    return kept.submit(value).result()


class Demanding(Exception):
    """An error that asks more of who makes it than it keeps, as those of many libraries do."""

    def __init__(self, code: int, *, reason: str) -> None:
        super().__init__(f"{code}: {reason}")


@task(cache_policy=NO_CACHE)
def raises(kind: str) -> None:
    raise Stuck if kind == "stuck" else Demanding(7, reason="no")
