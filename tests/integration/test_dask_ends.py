"""Forty runs with clusters, ended in every way there is: nothing is left of any."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from prefect_platform.testing.embedded import embedded
from tests.dask_ends import campaign
from tests.integration.test_dask_runs import FLOWS, Driver

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
ENDS = 40


@pytest.fixture
def driver(tmp_path: Path) -> Iterator[Driver]:
    shutil.copytree(FLOWS, tmp_path / "project")
    with embedded(tmp_path / "home") as platform:
        found = Driver(platform, tmp_path / "project")
        found.client.secrets.set("default", "db-password", "a-secret-of-the-database")
        for name in ("spread", "waiting"):
            found.register(name, "--dask-workers", "1")
        yield found


def test_nothing_is_left_of_forty_runs(driver: Driver, tmp_path: Path) -> None:
    assert campaign(driver, tmp_path, ENDS) == []
