"""Runs through the whole real platform: every way to end, cancel, suspend, retry, children, bytes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from prefect_platform.client.api import PlatformClient
from prefect_platform.testing.embedded import Embedded, embedded, until
from prefect_platform.testing.prefect_calls import Prefect
from prefect_platform.wire.flows import RunRequest
from prefect_platform.wire.runs import FINAL, RunDetail, Status

FLOWS = Path(__file__).parent / "flows"
NAMES = [
    "end",
    "wait",
    "stubborn",
    "daemons",
    "bytes-of-every-kind",
    "flood",
    "pauses",
    "once-bitten",
    "parent",
    "many",
]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


class Driver:
    """Starts runs of the registered flows and looks at what became of them."""

    def __init__(self, platform: Embedded) -> None:
        self.platform = platform
        self.client: PlatformClient = platform.client()
        self.prefect = Prefect(platform.prefect_api)

    def flow_id(self, name: str) -> str:
        flow = self.client.flows.find("default", name)
        assert flow is not None, name
        return flow.id

    def start(self, flow: str, **parameters: Any) -> str:
        return self.client.flows.run(self.flow_id(flow), RunRequest(parameters=parameters)).id

    def finished(self, run: str, seconds: float = 90) -> RunDetail:
        def look() -> RunDetail | None:
            found = self.client.runs.get(run)
            return (
                found
                if found.status in FINAL and all(s.sealed_at for s in self.client.logs.sources(run))
                else None
            )

        return until(look, seconds, f"run {run} to end")

    def run(self, flow: str, **parameters: Any) -> RunDetail:
        return self.finished(self.start(flow, **parameters))

    def state(self, run: str) -> str:
        return str(self.prefect.call("GET", f"flow_runs/{run}")["state_name"])

    def log(self, run: str, source: str = "flow", attempt: int = -1) -> bytes:
        workload = self.client.runs.get(run).attempt_list[attempt].workload.id
        return self.client.logs.raw(workload, source)


@contextmanager
def driven(folder: Path, file: str, names: Sequence[str]) -> Iterator[Driver]:
    """A whole platform with these flows of a file registered, by their names in Prefect."""
    (folder / "project").mkdir()
    shutil.copy(FLOWS / file, folder / "project")
    with embedded(folder / "home") as platform:
        for name in names:
            spec = f"{folder / 'project' / file}:{name.replace('-', '_')}"
            command = [sys.executable, "-m", "prefect_platform", "flow", "register", spec, "--name", "test"]
            done = subprocess.run(
                command, env=platform.environment, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, done.stderr
        yield Driver(platform)


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driver]:
    with driven(tmp_path_factory.mktemp("runs"), "ways_to_end.py", NAMES) as found:
        yield found


@pytest.mark.parametrize(
    ("how", "status", "prefect", "reason"),
    [
        ("return", Status.SUCCEEDED, "Completed", None),
        ("raise", Status.FAILED, "Failed", None),
        ("exit-3", Status.CRASHED, "Crashed", None),
        ("_exit-0", Status.CRASHED, "Crashed", "exit"),
        ("_exit-5", Status.CRASHED, "Crashed", "5"),
        ("signal-9", Status.CRASHED, "Crashed", "SIGKILL"),
        ("signal-11", Status.CRASHED, "Crashed", "SIGSEGV"),
    ],
)
def test_every_end_is_told_truly(
    driver: Driver, how: str, status: Status, prefect: str, reason: str | None
) -> None:
    run = driver.run("end", how=how)
    assert (run.status, driver.state(run.id)) == (status, prefect), run.reason
    assert f"ending by {how}".encode() in driver.log(run.id)
    if reason:
        assert run.reason
        assert reason in run.reason
    if how.startswith("_exit"):
        assert driver.log(run.id).endswith(b"last words without newline")


def test_a_package_that_is_missing_at_run_time_is_named(driver: Driver, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "vanishing_package").mkdir(parents=True)
    (elsewhere / "vanishing_package" / "__init__.py").write_text("value = 1\n")
    (tmp_path / "project").mkdir()
    flow = tmp_path / "project" / "needy.py"
    flow.write_text(
        "import vanishing_package\nfrom prefect import flow\n\n@flow\ndef needy() -> int:\n    return 1\n"
    )
    command = [sys.executable, "-m", "prefect_platform", "flow", "register", f"{flow}:needy"]
    env = driver.platform.environment | {"PYTHONPATH": str(elsewhere)}
    subprocess.run(command, env=env, check=True, capture_output=True)
    run = driver.run("needy")
    assert run.status == Status.CRASHED
    assert run.reason
    assert "vanishing_package" in run.reason
    assert driver.state(run.id) == "Crashed"


def test_a_notebook_is_a_flow(driver: Driver, tmp_path: Path) -> None:
    tagged = {"tags": ["parameters"]}
    texts = [("n = 1", tagged), ("import os\nos.system('echo from C')\nprint('n is', n)\n1 / (3 - n)", {})]
    cells = [
        {"cell_type": "code", "id": f"c{i}", "source": text, "metadata": metadata, "outputs": []}
        for i, (text, metadata) in enumerate(texts)
    ]
    path = tmp_path / "counts.ipynb"
    path.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    command = [sys.executable, "-m", "prefect_platform", "flow", "register", str(path), "--param", "n=2"]
    subprocess.run(command, env=driver.platform.environment, check=True, capture_output=True)
    found = driver.run("counts")
    assert found.status == Status.SUCCEEDED, found.reason
    assert b"from C" in driver.log(found.id)
    assert b"n is 2" in driver.log(found.id)
    failed = driver.run("counts", n=3)
    assert (failed.status, driver.state(failed.id)) == (Status.FAILED, "Failed")
    assert failed.reason
    assert "counts.ipynb, cell 2: ZeroDivisionError" in failed.reason


def test_cancel_here_runs_the_hook(driver: Driver, tmp_path: Path) -> None:
    marker = tmp_path / "started"
    run = driver.start("wait", marker=str(marker))
    until(marker.exists, 60, "user code")
    driver.client.runs.cancel(run, "enough")
    done = driver.finished(run)
    assert (done.status, driver.state(run)) == (Status.CANCELLED, "Cancelled"), done.reason
    assert b"cancellation hook ran" in driver.log(run)


def test_cancel_in_prefect_runs_the_hook(driver: Driver, tmp_path: Path) -> None:
    marker = tmp_path / "started"
    run = driver.start("wait", marker=str(marker))
    until(marker.exists, 60, "user code")
    state = {"type": "CANCELLING", "name": "Cancelling"}
    driver.prefect.call("POST", f"flow_runs/{run}/set_state", {"state": state})
    done = driver.finished(run)
    assert (done.status, driver.state(run)) == (Status.CANCELLED, "Cancelled"), done.reason
    assert b"cancellation hook ran" in driver.log(run)


def test_cancel_before_it_starts(driver: Driver, tmp_path: Path) -> None:
    marker = tmp_path / "started"
    run = driver.start("wait", marker=str(marker))
    driver.client.runs.cancel(run, "never mind")
    until(lambda: driver.state(run) == "Cancelled", 60, "Prefect to say Cancelled")
    found = driver.client.runs.get(run)
    assert found.status in {None, Status.CANCELLED} or until(
        lambda: driver.client.runs.get(run).status == Status.CANCELLED, 60, "the attempt to be cancelled"
    )
    assert not marker.exists()


def test_a_run_that_ignores_signals_is_ended_by_force(driver: Driver, tmp_path: Path) -> None:
    marker = tmp_path / "started"
    run = driver.start("stubborn", marker=str(marker))
    until(marker.exists, 60, "user code")
    driver.client.runs.cancel(run, "enough")
    done = driver.finished(run)
    assert (done.status, driver.state(run)) == (Status.CANCELLED, "Cancelled"), done.reason


def test_daemons_end_with_the_run(driver: Driver, tmp_path: Path) -> None:
    marker = tmp_path / "daemon"
    run = driver.run("daemons", marker=str(marker))
    assert run.status == Status.SUCCEEDED, run.reason
    assert not psutil.pid_exists(int(marker.read_text()))


def test_bytes_of_every_kind_arrive_exactly(driver: Driver) -> None:
    run = driver.run("bytes-of-every-kind")
    log = driver.log(run.id)
    assert (
        b"NUL \x00 and invalid \xff\xfe\xc3\x28 UTF-8\nfrom descriptor 2\nfrom a shell\nand its errors\n"
        in log
    )
    assert b"y" * 3_000_000 + b"\nno newline at the end" in log


def test_a_flood_arrives_exactly(driver: Driver) -> None:
    run = driver.finished(driver.start("flood", mib=200), 180)
    block = b"".join(b"%07d %s\n" % (n, b"z" * 55) for n in range(1 << 14))
    assert run.status == Status.SUCCEEDED, run.reason
    assert driver.log(run.id).count(block) == 200


def test_suspend_and_resume_make_two_attempts(driver: Driver, tmp_path: Path) -> None:
    run = driver.start("pauses", marker=str(tmp_path / "marker"))
    until(lambda: driver.state(run) == "Suspended", 60, "the suspension")
    until(lambda: driver.client.runs.get(run).attempt_list[0].status in FINAL, 30, "the first attempt to end")
    driver.prefect.call("POST", f"flow_runs/{run}/resume", {})
    until(lambda: len(driver.client.runs.get(run).attempt_list) == 2, 60, "a second attempt")
    done = driver.finished(run)
    assert (done.status, driver.state(run)) == (Status.SUCCEEDED, "Completed"), done.reason
    assert b"suspending" in driver.log(run, attempt=0)
    assert b"resumed" in driver.log(run, attempt=1)


def test_retry_from_prefect_makes_a_second_attempt(driver: Driver, tmp_path: Path) -> None:
    run = driver.start("once-bitten", marker=str(tmp_path / "marker"))
    assert driver.finished(run).status == Status.CRASHED
    until(lambda: driver.state(run) == "Crashed", 30, "Prefect to know")
    state = {"type": "SCHEDULED", "name": "AwaitingRetry"}
    driver.prefect.call("POST", f"flow_runs/{run}/set_state", {"state": state})
    until(lambda: len(driver.client.runs.get(run).attempt_list) == 2, 60, "a second attempt")
    done = driver.finished(run)
    assert (done.status, driver.state(run)) == (Status.SUCCEEDED, "Completed"), done.reason


def test_run_deployment_of_a_child(driver: Driver, tmp_path: Path) -> None:
    done = driver.run("parent", child="wait/test", child_marker=str(tmp_path / "child"), seconds=0.1)
    assert done.status == Status.SUCCEEDED, done.reason
    assert (tmp_path / "child").exists()


def test_parents_that_fill_the_machine_do_not_lock_it(driver: Driver, tmp_path: Path) -> None:
    """As many parents as there are places, each waiting for a child that has none."""
    places = driver.client.capacity().slots
    assert places > 0
    child = {"child": "wait/test", "seconds": 0.1}
    parents = [
        driver.start("parent", **child, child_marker=str(tmp_path / f"child-{n}")) for n in range(places)
    ]
    for run in parents:
        done = driver.finished(run, 200)
        assert done.status == Status.SUCCEEDED, done.reason
    assert len(list(tmp_path.glob("child-*"))) == places


def test_a_cancelled_parent_takes_its_children_along(driver: Driver, tmp_path: Path) -> None:
    child = tmp_path / "child"
    run = driver.start("parent", child="wait/test", child_marker=str(child))
    until(child.exists, 90, "the child's user code")
    driver.client.runs.cancel(run, "enough")
    assert driver.finished(run).status == Status.CANCELLED
    children = driver.prefect.call(
        "POST", "flow_runs/filter", {"flow_runs": {"parent_flow_run_id": {"any_": [run]}}}
    )
    assert len(children) == 1
    until(lambda: driver.state(children[0]["id"]) == "Cancelled", 60, "the child to be cancelled")


def test_async_flow_with_mapped_tasks(driver: Driver) -> None:
    run = driver.run("many", n=5)
    assert run.status == Status.SUCCEEDED, run.reason
    assert b"sum 20" in driver.log(run.id)


def test_the_timeline_is_whole(driver: Driver) -> None:
    run = driver.run("end")
    moves = [move.status for move in run.attempt_list[0].workload.transitions]
    assert moves == [Status.QUEUED, Status.PROVISIONING, Status.STARTING, Status.RUNNING, Status.SUCCEEDED]
    end = run.attempt_list[0].workload.end
    assert end is not None
    assert (end.exit_code, end.receipt) == (0, "COMPLETED")
    assert end.peak_memory_bytes
    assert end.peak_memory_bytes > 20 << 20


def test_no_credential_is_where_others_can_read_it(driver: Driver, tmp_path: Path) -> None:
    """Neither argv nor the environment of a launcher holds a token, and claim files are gone."""
    marker = tmp_path / "started"
    run = driver.start("wait", marker=str(marker))
    until(marker.exists, 60, "user code")
    workloads = driver.platform.data / "workloads"
    launchers = [
        p
        for p in psutil.process_iter(["cmdline"])
        if "--claim" in (line := p.info["cmdline"] or []) and str(workloads) in " ".join(line)
    ]
    assert launchers
    for launcher in launchers:
        seen = " ".join(launcher.cmdline()) + " ".join(launcher.environ().values())
        assert "pp_" not in seen
    assert not list(workloads.rglob("claim.json"))
    driver.client.runs.cancel(run, "seen enough")
    driver.finished(run)


def test_prefect_down_while_a_run_goes_on(driver: Driver, tmp_path: Path) -> None:
    marker = tmp_path / "started"
    run = driver.start("wait", marker=str(marker), seconds=8)
    until(marker.exists, 60, "user code")
    for process in psutil.Process(driver.platform.process.pid).children():
        if "prefect_server server" in " ".join(process.cmdline()):
            os.kill(process.pid, 9)
    done = driver.finished(run, 150)
    assert done.status == Status.SUCCEEDED, done.reason
    assert driver.state(run) == "Completed"
