"""Runs with clusters that end in every way there is, and what of them is left: `DASK_ENDS` of them."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from prefect_platform.testing.embedded import embedded
from tests.benchmarks.measure import Figure
from tests.dask_ends import campaign
from tests.integration.test_dask_runs import FLOWS, Driver

ENDS = int(os.environ.get("DASK_ENDS", "200"))


def figures() -> list[Figure]:
    left = Figure("left_over", "", f"0, of {ENDS} runs that end in seven ways")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(FLOWS, folder / "project")
        with embedded(folder / "home") as platform:
            driver = Driver(platform, folder / "project")
            driver.client.secrets.set("default", "db-password", "a-secret-of-the-database")
            for flow in ("spread", "waiting"):
                driver.register(flow, "--dask-workers", "1")
            left.ours = [len(campaign(driver, folder, ENDS))]
    return [left]
