"""Tasks per second and cost of a submission: our runner, prefect-dask's, bare distributed. Memory of a map.

All use one kind of cluster: two worker processes of one thread. Every task run must have been recorded. A
flow runs in an interpreter of its own, so that its memory is its own.
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import distributed
import httpx
import psutil
from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.runtime import flow_run
from prefect.task_runners import TaskRunner

from prefect_platform.testing.prefect_server import shared_prefect_server
from tests.benchmarks.measure import Figure

ROUNDS = int(os.environ.get("ROUNDS", "5"))
TASKS = int(os.environ.get("TASKS", "200"))
STOCK_TASKS = max(20, TASKS // 4)
"""Stock is an order of magnitude slower."""
MAPPED = int(os.environ.get("MAPPED", "10000"))
STEPS = 4
"""Parts of the map after which memory is read."""
STILL_SECONDS = 30.0
"""Without a further record Prefect has recorded what it will."""


@task(cache_policy=NO_CACHE)
def increment(x: int) -> int:
    return x + 1


def figures() -> list[Figure]:
    rate = Figure("tasks_per_s", "1/s", ">= 8 x stock, >= 100")
    bare = Figure("tasks_per_s_bare", "1/s", "distributed alone, nothing recorded")
    submit = Figure("submit_ms", "ms", "<= 5")
    memory = Figure("map_mib", "MiB", f"a map of {MAPPED}, over the empty flow")
    linear = Figure("map_kib_per_task", "KiB", f"each {1 / STEPS:.0%} of that map: equal when linear")
    pace = Figure("map_per_s", "1/s", "of that map: as fast as Prefect's server records")
    with (
        tempfile.TemporaryDirectory() as directory,
        shared_prefect_server(Path(directory) / "prefect") as url,
    ):
        for number in range(ROUNDS):
            for kind in ("ours", "stock") if number % 2 else ("stock", "ours"):
                found = _in_a_process(url, kind, TASKS if kind == "ours" else STOCK_TASKS)
                getattr(rate, kind).append(found["per_second"])
                getattr(submit, kind).append(found["submit_ms"])
            bare.ours.append(_bare())
        found = _in_a_process(url, "map", MAPPED)
        mapped, pace.ours = found["mib"], [found["per_second"]]
        memory.ours = [mapped[-1] - mapped[0]]
        linear.ours = [1024 * (b - a) * STEPS / MAPPED for a, b in itertools.pairwise(mapped)]
    return [rate, bare, submit, memory, linear, pace]


def _bare() -> float:
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        client.gather([client.submit(increment.fn, i, pure=False) for i in range(8)])
        begun = time.perf_counter()
        client.gather([client.submit(increment.fn, i, pure=False) for i in range(TASKS)])
        return TASKS / (time.perf_counter() - begun)


def _in_a_process(url: str, kind: str, tasks: int) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", __name__, kind, str(tasks)],
        env=os.environ | {"PREFECT_API_URL": url, "PREFECT_LOGGING_LEVEL": "WARNING", "DO_NOT_TRACK": "1"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    _wait_until_recorded(url, found["run"], found["tasks"])
    return found


def _wait_until_recorded(url: str, run: str, tasks: int) -> None:
    """Until Prefect knows all task runs as completed; an error if that does not become true."""
    query = {"flow_runs": {"id": {"any_": [run]}}, "task_runs": {"state": {"type": {"any_": ["COMPLETED"]}}}}
    known, since = -1, time.monotonic()
    while known != tasks and time.monotonic() - since < STILL_SECONDS:
        found = httpx.post(f"{url}/task_runs/count", json=query, timeout=60).json()
        if found != known:
            known, since = found, time.monotonic()
        time.sleep(0.5)
    if known != tasks:
        raise AssertionError(f"{known} of {tasks} task runs of {run} were recorded")


def _runner(kind: str, address: str) -> TaskRunner[Any]:
    if kind == "stock":
        from prefect_dask import DaskTaskRunner

        return DaskTaskRunner(address=address)
    from prefect_platform.dask_cluster import PlatformTaskRunner

    return PlatformTaskRunner(address=address)


def _measured(tasks: int) -> dict[str, Any]:
    for future in [increment.submit(i) for i in range(8)]:
        future.result()
    begun = time.perf_counter()
    futures = [increment.submit(i) for i in range(tasks)]
    submitted = time.perf_counter() - begun
    assert [future.result() for future in futures] == [i + 1 for i in range(tasks)]
    took = time.perf_counter() - begun
    return {"submit_ms": 1000 * submitted / tasks, "per_second": tasks / took, "tasks": tasks + 8}


def _mapped(tasks: int) -> dict[str, Any]:
    """Memory after each part of a map whose futures and results are all kept."""
    increment.map(range(8)).result()
    process, kept, begun = psutil.Process(), [], time.perf_counter()
    mib = [process.memory_info().rss / 1024**2]
    for part in range(STEPS):
        size = tasks // STEPS
        futures = increment.map(range(part * size, (part + 1) * size))
        kept.append((futures, futures.result()))
        mib.append(process.memory_info().rss / 1024**2)
    whole = tasks // STEPS * STEPS
    return {"mib": mib, "tasks": whole + 8, "per_second": whole / (time.perf_counter() - begun)}


def main(kind: str, tasks: int) -> None:
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        measure = _mapped if kind == "map" else _measured

        @flow(name=f"bench-dask-{kind}", task_runner=_runner(kind, cluster.scheduler_address))
        def body() -> dict[str, Any]:
            return {"run": str(flow_run.id), **measure(tasks)}

        print(json.dumps(body()))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
