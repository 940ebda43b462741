"""Flows whose tasks run on the run's own Dask cluster; registered without a word of Dask in most of them."""

import logging
import os
import time
from pathlib import Path

from beside import ANSWER
from distributed import get_worker
from prefect import flow, task
from prefect.task_runners import ThreadPoolTaskRunner


@task(log_prints=True)
def where(number: int) -> str:
    name = str(get_worker().name)
    print(f"task {number} on {name}: {ANSWER} {os.environ['REGION']} {os.environ['DB_PASSWORD'] != ''}")
    logging.getLogger("mine").warning("a record of task %s", number)
    time.sleep(0.2)
    return name


@flow(log_prints=True)
def spread(count: int = 8, fail: bool = False) -> list[str]:
    found = sorted(set(where.map(range(count)).result()))
    print("ran on", *found)
    if fail:
        raise ValueError("asked to fail")
    return found


@task
def waits(marker: str) -> int:
    Path(marker).write_text(str(os.getpid()))
    time.sleep(600)
    return 1


@flow
def waiting(marker: str) -> int:
    return waits.submit(marker).result()


@task
def pauses(folder: str, number: int) -> int:
    Path(folder, f"begun-{number}").touch()
    while not Path(folder, "go").exists():
        time.sleep(0.05)
    return number


@flow
def through(folder: str) -> int:
    return sum(pauses.map([folder] * 2, range(2)).result())


class Threads(ThreadPoolTaskRunner):  # type: ignore[type-arg]
    """A runner of the flow's own."""


@flow(task_runner=Threads())
def keeps_its_runner() -> str:
    return "kept"


@task
def of_a_frame() -> int:
    import dask.dataframe as dd
    import pandas as pd

    frame = dd.from_pandas(pd.DataFrame({"a": range(100)}), npartitions=4)
    return int(frame.a.sum().compute())


@flow
def collections() -> int:
    return of_a_frame.submit().result()
