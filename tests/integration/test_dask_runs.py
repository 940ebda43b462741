"""Runs with a Dask cluster of their own, through the whole platform: what they find there, and every end."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from prefect_platform.client.api import PlatformClient
from prefect_platform.errors import Unavailable
from prefect_platform.testing.embedded import Embedded, embedded, until
from prefect_platform.testing.prefect_calls import Prefect
from prefect_platform.wire.clusters import Cluster, ClusterStatus
from prefect_platform.wire.flows import RunRequest
from prefect_platform.wire.runs import FINAL, RunDetail, Status

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
FLOWS = Path(__file__).parent / "flows" / "on_dask"
NAMES = ["spread", "waiting", "through", "keeps-its-runner", "collections"]
LEFT_SECONDS = 30
"""After the end of a run nothing of its cluster may be there for longer."""


class Driver:
    def __init__(self, platform: Embedded, project: Path) -> None:
        self.platform, self.project = platform, project
        self.client: PlatformClient = platform.client()
        self.prefect = Prefect(platform.prefect_api)

    def command(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "prefect_platform", *words], env=self.platform.environment,
            cwd=self.project, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert not check or done.returncode == 0, done.stderr
        return done

    def register(self, name: str, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        entry = f"on_dask.py:{name.replace('-', '_')}"
        common = ("--name", "test", "--env", "REGION=eu", "--secret", "db-password")
        return self.command("flow", "register", entry, *common, *words, check=check)

    def start(self, flow: str, deployment: str = "test", **parameters: Any) -> str:
        found = self.client.flows.find("default", flow)
        assert found is not None
        request = RunRequest(deployment_name=deployment, parameters=parameters)
        return self.client.flows.run(found.id, request).id

    def finished(self, run: str, seconds: float = 120) -> RunDetail:
        def look() -> RunDetail | None:
            found = self.client.runs.get(run)
            return found if found.status in FINAL else None

        return until(look, seconds, f"run {run} to end")

    def clean(self, run: str) -> RunDetail:
        """The run, once nothing of its cluster is left."""

        def look() -> RunDetail | None:
            found = self.client.runs.get(run)
            return found if all(one.ended_at for one in found.clusters) else None

        found = until(look, LEFT_SECONDS, f"the cluster of run {run} to be gone")
        for cluster in found.clusters:
            for member in cluster.members:
                until(lambda one=member: not self.processes(one.workload_id), LEFT_SECONDS, member.name)
        return found

    def cluster(self, run: str) -> Cluster:
        return until(lambda: self.client.runs.get(run).clusters, 60, "a cluster")[0]

    def processes(self, workload_id: str, words: str = "") -> list[psutil.Process]:
        """What lives of a workload: its launcher and all below it."""
        folder = f"/workloads/{workload_id}"
        found = []
        for process in psutil.process_iter(["cmdline", "cwd"]):
            line = " ".join(process.info["cmdline"] or ())
            here = folder in line or folder in (process.info["cwd"] or "")
            if here and words in line and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        return found

    def kill(self, workload_id: str, words: str) -> None:
        victim = until(lambda: self.processes(workload_id, words), 60, f"{words} of {workload_id}")[0]
        victim.send_signal(signal.SIGKILL)

    def log(self, run: str, source: str) -> str:
        found = next(one for one in self.client.logs.sources(run) if one.source == source)
        return self.client.logs.raw(found.workload_id, source).decode()

    def state(self, run: str) -> str:
        return str(self.prefect.call("GET", f"flow_runs/{run}")["state_name"])


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driver]:
    folder = tmp_path_factory.mktemp("on-dask")
    shutil.copytree(FLOWS, folder / "project")
    with embedded(folder / "home") as platform:
        found = Driver(platform, folder / "project")
        found.client.secrets.set("default", "db-password", "a-secret-of-the-database")
        for name in NAMES:
            found.register(name, "--dask-workers", "2")
        yield found


def test_tasks_run_on_both_workers_with_all_that_the_run_has(driver: Driver) -> None:
    run = driver.start("spread")
    done = driver.finished(run)
    assert done.status is Status.SUCCEEDED, done.reason
    assert "ran on dask-worker-1 dask-worker-2" in driver.log(run, "flow")
    found = driver.clean(run)
    cluster = found.clusters[0]
    assert (cluster.status, cluster.reason, cluster.owner_id) == (
        ClusterStatus.STOPPED, "Its run has ended.", run,
    )  # fmt: skip
    assert cluster.events == []
    told = driver.log(run, "dask-worker-1") + driver.log(run, "dask-worker-2")
    for number in range(8):
        assert f"task {number} on dask-worker-" in told
        assert f"a record of task {number}" in told
    assert "42 eu True" in told
    assert "a-secret-of-the-database" not in told
    sources = {one.source: one for one in driver.client.logs.sources(run)}
    assert {"flow", "launcher", "dask-scheduler", "dask-worker-1", "dask-worker-2"} <= set(sources)
    assert all(one.sealed_at for one in sources.values())
    assert "Dask Performance Report" in driver.client.clusters.performance_report("default", cluster.id)
    shown = driver.command("run", "show", run).stdout
    assert "dask-worker-2" in shown


def test_task_runs_are_recorded_in_prefect_with_their_names_and_logs(driver: Driver) -> None:
    run = driver.start("spread", count=4)
    assert driver.finished(run).status is Status.SUCCEEDED
    query = {"task_runs": {"flow_run_id": {"any_": [run]}}}

    def recorded() -> list[dict[str, Any]] | None:
        found = driver.prefect.call("POST", "task_runs/filter", query)
        return found if len(found) == 4 and all(one["state_name"] == "Completed" for one in found) else None

    until(recorded, 30, "four task runs in Prefect")
    logs = {"logs": {"flow_run_id": {"any_": [run]}}, "limit": 200}

    def said() -> bool:
        found = driver.prefect.call("POST", "logs/filter", logs)
        return all(any(f"task {n} on dask-worker" in one["message"] for one in found) for n in range(4))

    until(said, 30, "what the tasks printed, in Prefect")


def test_collections_inside_of_a_task_use_the_same_cluster(driver: Driver) -> None:
    run = driver.start("collections")
    done = driver.finished(run)
    assert done.status is Status.SUCCEEDED, done.reason


def test_an_exception_fails_the_run_and_takes_the_cluster_along(driver: Driver) -> None:
    run = driver.start("spread", fail=True)
    done = driver.finished(run)
    assert (done.status, done.reason) == (Status.FAILED, "The flow failed: ValueError: asked to fail")
    driver.clean(run)


def test_a_flow_that_names_a_runner_keeps_it_and_says_so(driver: Driver) -> None:
    run = driver.start("keeps-its-runner")
    assert driver.finished(run).status is Status.SUCCEEDED
    assert "names a task runner of its own, Threads, and keeps it" in driver.log(run, "flow")


def test_cancelled_while_a_task_runs(driver: Driver, tmp_path: Path) -> None:
    run = driver.start("waiting", marker=str(tmp_path / "begun"))
    until((tmp_path / "begun").exists, 90, "the task")
    driver.client.runs.cancel(run, "enough")
    done = driver.finished(run)
    assert (done.status, driver.state(run)) == (Status.CANCELLED, "Cancelled"), done.reason
    driver.clean(run)


@pytest.mark.parametrize("victim", ["engine", "launcher"])
def test_killed_while_a_task_runs(driver: Driver, tmp_path: Path, victim: str) -> None:
    run = driver.start("waiting", marker=str(tmp_path / "begun"))
    until((tmp_path / "begun").exists, 90, "the task")
    workload = driver.client.runs.get(run).attempt_list[-1].workload.id
    driver.kill(workload, "prefect.engine" if victim == "engine" else "prefect_platform.launcher")
    done = driver.finished(run)
    assert done.status is Status.CRASHED, done.reason
    driver.clean(run)


def test_without_its_scheduler_the_run_crashes_for_that(driver: Driver, tmp_path: Path) -> None:
    run = driver.start("waiting", marker=str(tmp_path / "begun"))
    until((tmp_path / "begun").exists, 90, "the task")
    cluster = driver.cluster(run)
    driver.kill(cluster.members[0].workload_id, "dask_cluster.scheduler")
    done = driver.finished(run)
    assert done.status is Status.CRASHED
    assert "Its scheduler was lost: It was killed by SIGKILL" in str(done.reason)
    until(lambda: driver.state(run) == "Crashed", 30, "Prefect to hear of it")
    driver.clean(run)


def test_a_lost_worker_is_told_of_where_one_reads_why_the_run_failed(driver: Driver, tmp_path: Path) -> None:
    run = driver.start("waiting", marker=str(tmp_path / "begun"))
    pid = until(lambda: (tmp_path / "begun").exists() and (tmp_path / "begun").read_text(), 90, "the task")
    os.kill(int(pid), signal.SIGKILL)
    done = driver.finished(run)
    assert done.status is Status.FAILED
    assert "of its Dask cluster was lost: It was killed by SIGKILL" in str(done.reason)
    driver.clean(run)


def test_a_worker_that_stands_still_fails_its_task_with_the_cause(driver: Driver, tmp_path: Path) -> None:
    patience = "DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL=5s"
    driver.register("waiting", "--name", "impatient", "--env", patience, "--dask-workers", "1")
    run = driver.start("waiting", "impatient", marker=str(tmp_path / "begun"))
    pid = until(lambda: (tmp_path / "begun").exists() and (tmp_path / "begun").read_text(), 90, "the task")
    os.kill(int(pid), signal.SIGSTOP)
    done = driver.finished(run)
    assert done.status is Status.FAILED
    assert "dask-worker-1 of its Dask cluster was lost: its scheduler had not heard of it" in str(done.reason)
    assert "it had not been heard of for too long" in driver.log(run, "flow")
    driver.clean(run)


def test_two_runs_of_one_flow_have_clusters_of_their_own(driver: Driver, tmp_path: Path) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
    runs = [driver.start("through", folder=str(folder)) for folder in folders]
    for folder in folders:
        until(lambda f=folder: len(list(f.glob("begun-*"))) == 2, 120, f"the tasks in {folder}")
    addresses = {driver.cluster(run).scheduler_address for run in runs}
    assert len(addresses) == 2
    for folder in folders:
        (folder / "go").touch()
    for run in runs:
        assert driver.finished(run).status is Status.SUCCEEDED
        driver.clean(run)


def test_more_workers_than_there_is_room_for_begin_with_what_there_is(driver: Driver) -> None:
    driver.register("spread", "--dask-workers", "900")
    run = driver.start("spread", count=2)
    assert driver.finished(run, 240).status is Status.SUCCEEDED
    waiting = [one for one in driver.clean(run).clusters[0].members if one.status == "ended"]
    assert len(waiting) > 2
    driver.register("spread", "--dask-workers", "2")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--dask-workers", "0"), "n_workers=0 cannot be"),
        (("--dask-workers", "-2"), "n_workers=-2 cannot be"),
        (("--dask-adapt", "8:2"), "minimum (8) is more than maximum (2)"),
        (("--dask-adapt", "8"), "no two numbers of workers"),
        (("--dask-worker-size", "lagre"), "There is no size 'lagre'. Did you mean 'large'?"),
        (("--dask-worker-gpu", "64"), "worker_size: it could never start here"),
    ],
)
def test_what_cannot_be_is_refused_at_registration(
    driver: Driver, words: tuple[str, ...], message: str
) -> None:
    done = driver.register("spread", *words, check=False)
    assert done.returncode != 0
    assert message in done.stderr


def test_a_run_goes_on_while_the_platform_is_killed_and_comes_back(driver: Driver, tmp_path: Path) -> None:
    run = driver.start("through", folder=str(tmp_path))
    until(lambda: len(list(tmp_path.glob("begun-*"))) == 2, 120, "the tasks")
    os.kill(driver.platform.state["parts"]["platform"]["pid"], signal.SIGKILL)

    def back() -> bool:
        try:
            return driver.client.runs.get(run).status is Status.RUNNING
        except Unavailable:
            return False

    until(back, 60, "the platform to be back")
    (tmp_path / "go").touch()
    assert driver.finished(run).status is Status.SUCCEEDED
    driver.clean(run)
