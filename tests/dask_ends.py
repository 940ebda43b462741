"""Many runs with clusters, each ended in another way; what of them is left over should be nothing."""

from __future__ import annotations

import itertools
import os
import signal
from dataclasses import dataclass
from pathlib import Path

from prefect_platform.errors import Unavailable
from prefect_platform.testing.embedded import until
from prefect_platform.wire.runs import RunDetail, Status
from tests.integration.test_dask_runs import LEFT_SECONDS, Driver

ENDS = ("success", "exception", "cancel", "engine", "launcher", "scheduler", "platform")
"""The last five while a task runs; those from `engine` on are `kill -9` of that process."""
AT_ONCE = 3
EXPECTED = {
    "success": {Status.SUCCEEDED},
    "exception": {Status.FAILED},
    "cancel": {Status.CANCELLED},
    "engine": {Status.CRASHED},
    "launcher": {Status.CRASHED},
    "scheduler": {Status.CRASHED},
    "platform": {Status.CANCELLED},
}


@dataclass
class Run:
    id: str
    end: str
    marker: Path


def campaign(driver: Driver, folder: Path, number: int) -> list[str]:
    """Ends `number` runs, a few at a time, and names everything that was left of them."""
    ends = itertools.islice(itertools.cycle(ENDS), number)
    runs: list[str] = []
    while some := list(itertools.islice(ends, AT_ONCE)):
        begun = [_begin(driver, folder / str(len(runs) + at), end) for at, end in enumerate(some)]
        runs += [one.id for one in begun]
        for one in begun:
            _end(driver, one)
        for one in begun:
            done = driver.finished(one.id, 180)
            assert done.status in EXPECTED[one.end], f"{one.end}: {done.status} {done.reason}"
    return left_over(driver, runs)


def _begin(driver: Driver, marker: Path, end: str) -> Run:
    if end in ("success", "exception"):
        return Run(driver.start("spread", count=1, fail=end == "exception"), end, marker)
    return Run(driver.start("waiting", marker=str(marker)), end, marker)


def _end(driver: Driver, run: Run) -> None:
    if run.end in ("success", "exception"):
        return
    until(run.marker.exists, 120, f"the task of the run that ends by {run.end}")
    if run.end == "scheduler":
        driver.kill(driver.cluster(run.id).members[0].workload_id, "dask_cluster.scheduler")
    elif run.end in ("engine", "launcher"):
        words = "prefect.engine" if run.end == "engine" else "prefect_platform.launcher"
        driver.kill(driver.client.runs.get(run.id).attempt_list[-1].workload.id, words)
    else:
        if run.end == "platform":
            _kill_platform(driver, run.id)
        driver.client.runs.cancel(run.id, "enough")


def _kill_platform(driver: Driver, run: str) -> None:
    os.kill(driver.platform.state["parts"]["platform"]["pid"], signal.SIGKILL)

    def back() -> RunDetail | None:
        try:
            return driver.client.runs.get(run)
        except Unavailable:
            return None

    until(back, 60, "the platform to be back")


def left_over(driver: Driver, runs: list[str]) -> list[str]:
    """Clusters that are open and processes that live, of these runs, once they had their time to go."""
    workloads: set[str] = set()
    for run in runs:
        found = driver.client.runs.get(run)
        workloads |= {one.workload.id for one in found.attempt_list}
        workloads |= {member.workload_id for one in found.clusters for member in one.members}

    def left() -> list[str]:
        clusters = [f"cluster {one.name}" for one in driver.client.clusters.list("default")]
        return clusters + [f"process {one.pid}" for name in workloads for one in driver.processes(name)]

    try:
        until(lambda: not left(), LEFT_SECONDS, "nothing to be left")
    except TimeoutError:
        return left()
    return []
