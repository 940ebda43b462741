"""Results over runs, attempts and processes, through the whole real platform."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from prefect_platform.testing.embedded import until
from prefect_platform.wire.runs import Status
from tests.integration.test_runs import Driver, driven

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

ASK = """
import sys
from prefect.client.orchestration import get_client
with get_client(sync_client=True) as client:
    print(repr(client.read_flow_run(sys.argv[1]).state.result()))
"""


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driver]:
    with driven(tmp_path_factory.mktemp("results"), "keeps_results.py", ["cached", "falls-once"]) as found:
        yield found


def told(marker: Path) -> list[str]:
    return marker.read_text().split()


def stored(driver: Driver) -> list[Path]:
    return [path for path in (driver.platform.data / "stored-results").rglob("*") if path.is_file()]


def test_a_task_that_is_cached_in_one_run_does_not_run_in_the_next(driver: Driver, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    for _ in range(2):
        run = driver.run("cached", marker=str(marker))
        assert run.status == Status.SUCCEEDED, run.reason
        assert b"the square is 49" in driver.log(run.id)
        assert b"kept in" not in driver.log(run.id, "launcher")
    assert told(marker) == ["square"]
    names = [one["state_name"] for one in driver.prefect.call("POST", "task_runs/filter", {})]
    assert "Cached" in names


def test_the_result_of_a_run_is_read_where_its_user_is_signed_in(driver: Driver, tmp_path: Path) -> None:
    run = driver.run("cached", marker=str(tmp_path / "marker"), n=12)
    env = driver.platform.environment | {"PREFECT_API_URL": driver.platform.prefect_api}
    done = subprocess.run(
        [sys.executable, "-c", ASK, run.id], env=env, capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "144", done.stderr


def test_a_retry_after_a_crash_skips_what_was_finished(driver: Driver, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    run = driver.start("falls-once", marker=str(marker))
    assert driver.finished(run).status == Status.CRASHED
    until(lambda: driver.state(run) == "Crashed", 30, "Prefect to know")
    state = {"type": "SCHEDULED", "name": "AwaitingRetry"}
    driver.prefect.call("POST", f"flow_runs/{run}/set_state", {"state": state})
    until(lambda: len(driver.client.runs.get(run).attempt_list) == 2, 60, "a second attempt")
    done = driver.finished(run)
    assert (done.status, driver.state(run)) == (Status.SUCCEEDED, "Completed"), done.reason
    assert told(marker) == ["first", "second"]


def test_a_damaged_result_is_computed_anew(driver: Driver, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    assert driver.run("cached", marker=str(marker)).status == Status.SUCCEEDED
    for path in stored(driver):
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
    run = driver.run("cached", marker=str(marker))
    assert run.status == Status.SUCCEEDED, run.reason
    assert b"the square is 49" in driver.log(run.id)
    assert b"was altered where the platform stores it" in driver.log(run.id)
    assert told(marker) == ["square", "square"]
    assert driver.run("cached", marker=str(marker)).status == Status.SUCCEEDED
    assert told(marker) == ["square", "square"]
