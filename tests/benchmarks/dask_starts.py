"""What a cluster adds to the start of a run: until its workers are there, against one alone.

Both runs go through the whole platform in turn, with a bare `LocalCluster` of that size beside them.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path

from prefect_platform.testing.embedded import embedded, until
from tests.benchmarks.dask_clusters import WORKERS, bare
from tests.benchmarks.measure import Figure
from tests.integration.test_dask_runs import Driver

ROUNDS = 6
PROJECT = Path(__file__).parent / "flows" / "dask_starts"


def figures() -> list[Figure]:
    extra = Figure("cluster_extra_s", "s", f"{WORKERS} workers, <= a bare LocalCluster (stock) + 1")
    whole = Figure("cluster_run_s", "s", "create the run until its workers are there; stock: the run alone")
    with tempfile.TemporaryDirectory() as name, embedded(Path(name) / "home") as platform:
        driver = Driver(platform, Path(shutil.copytree(PROJECT, Path(name) / "project")))
        for flow, options in (("alone", ()), ("clustered", ("--dask-workers", str(WORKERS)))):
            driver.command("flow", "register", f"dask_starts.py:{flow}", "--name", "bench", *options)
        for number in range(ROUNDS + 1):
            seconds = [
                _begun(driver, flow, Path(name) / f"{flow}-{number}") for flow in ("alone", "clustered")
            ]
            if number:  # the first of each warms caches
                whole.stock.append(seconds[0])
                whole.ours.append(seconds[1])
                extra.ours.append(seconds[1] - seconds[0])
                extra.stock.append(bare())
    return [extra, whole]


def _begun(driver: Driver, flow: str, out: Path) -> float:
    """From the wish for a run until what it waits for is there; it has ended, and its cluster, afterwards."""
    begun = time.time()
    run = driver.start(flow, "bench", out=str(out))
    driver.finished(run)
    until(lambda: all(one.ended_at for one in driver.client.runs.get(run).clusters), 60, "its cluster to end")
    return float(out.read_text()) - begun
