"""One installation, two Prefects: its own with authentication on, a project's in Prefect Cloud's shape."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

from prefect_platform.client.api import PlatformClient
from prefect_platform.testing.cloud_gateway import CloudGateway, cloud_gateway
from prefect_platform.testing.embedded import Embedded, embedded, until
from prefect_platform.testing.prefect_calls import Prefect
from prefect_platform.wire.flows import RunRequest
from prefect_platform.wire.runs import FINAL, RunDetail, Status
from tests.conftest import PREFECT_AUTH

FLOWS = Path(__file__).parent / "flows"
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

RING = """
from prefect.events import emit_event
from prefect.events.worker import EventsWorker
emit_event("orchestrators.bell", resource={"prefect.resource.id": "a.bell"})
EventsWorker.instance().drain()
"""


@dataclass
class Place:
    """A project, its Prefect, and how one signs in there."""

    project: str
    client: PlatformClient
    prefect: Prefect
    environment: dict[str, str] = field(repr=False)
    secrets: list[str] = field(repr=False)
    logs: list[Path]
    """Files in which the processes that serve it write."""
    bell: Path
    page: str = ""

    def command(self, *words: str, script: str | None = None) -> subprocess.CompletedProcess[str]:
        given = ["-c", script] if script else ["-m", "prefect_platform", *words]
        return subprocess.run(
            [sys.executable, *given], env=self.environment, capture_output=True, text=True, timeout=120,
            check=False,
        )  # fmt: skip

    def register(self) -> None:
        done = subprocess.run(
            [sys.executable, str(self.bell.parent / "signed_in.py")], env=self.environment,
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        self.page = done.stdout.strip().splitlines()[-1]

    @property
    def flow_id(self) -> str:
        flow = self.client.flows.find(self.project, "life")
        assert flow is not None
        return flow.id

    def start(self, **parameters: Any) -> str:
        return self.client.flows.run(self.flow_id, RunRequest(parameters=parameters)).id

    def finished(self, run: str, attempts: int = 1) -> RunDetail:
        def look() -> RunDetail | None:
            found = self.client.runs.get(run)
            sealed = all(source.sealed_at for source in self.client.logs.sources(run))
            return found if found.status in FINAL and found.attempts >= attempts and sealed else None

        return until(look, 120, f"run {run} to end")

    def state(self, run: str) -> str:
        return str(self.prefect.call("GET", f"flow_runs/{run}")["state_name"])

    def tasks(self, run: str) -> list[str]:
        """States of its tasks: Prefect records them some seconds late."""
        found = self.prefect.call("POST", "task_runs/filter", {"flow_runs": {"id": {"any_": [run]}}})
        return [task["state_name"] for task in found]

    def log(self, run: str, source: str = "flow") -> str:
        workload = self.client.runs.get(run).attempt_list[-1].workload.id
        return self.client.logs.raw(workload, source).decode()


@dataclass
class Installation:
    platform: Embedded
    gateway: CloudGateway
    places: dict[str, Place]
    agent: psutil.Process


@pytest.fixture(scope="module")
def installation(
    locked_prefect_server: str, prefect_server: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    home = tmp_path_factory.mktemp("several")
    locked = {"PREFECT_API_URL": locked_prefect_server, "PREFECT_API_AUTH_STRING": PREFECT_AUTH}
    with cloud_gateway(prefect_server) as gateway, embedded(home / "home", environment=locked) as platform:
        client = platform.client()
        bare = {n: v for n, v in platform.environment.items() if n not in locked}
        places = {}
        for name, project, signed_in, url, secrets in (
            (
                "locked",
                "default",
                locked,
                locked_prefect_server,
                [PREFECT_AUTH, PREFECT_AUTH.partition(":")[2]],
            ),
            ("cloud", "cloudy", gateway.environment, prefect_server, [gateway.key]),
        ):
            (home / name).mkdir()
            shutil.copy(FLOWS / "signed_in.py", home / name)
            bell = home / name / "bell"
            environment = bare | signed_in | {"PREFECT_PLATFORM_PROJECT": project, "MARKER": str(bell)}
            prefect = Prefect(url, auth_string=PREFECT_AUTH if name == "locked" else None)
            places[name] = Place(
                project, client, prefect, environment, secrets, [platform.home / "up.log"], bell
            )
        cloud = places["cloud"]
        done = cloud.command(
            "project", "create", "cloudy", "--prefect-api-url", gateway.url, "--prefect-secret", "prefect-key"
        )
        assert done.returncode == 0, done.stderr
        assert "has no secret 'prefect-key'" in done.stdout
        client.secrets.set("cloudy", "prefect-key", gateway.key)
        token = client.agents.create("cloudy", "in-the-cloud").token
        log = home / "agent.log"
        with log.open("wb") as output:
            agent = subprocess.Popen(
                [sys.executable, "-m", "prefect_platform", "agent", "run"],
                env=bare | gateway.environment | {
                    "PREFECT_PLATFORM_URL": client.url, "PREFECT_PLATFORM_TOKEN": token,
                    "PREFECT_HOME": str(home / "agent"),
                },
                stdout=output, stderr=subprocess.STDOUT,
            )  # fmt: skip
        cloud.logs.append(log)
        try:
            for place in places.values():
                place.register()
            yield Installation(platform, gateway, places, psutil.Process(agent.pid))
        finally:
            agent.send_signal(signal.SIGTERM)
            agent.wait(30)
            for place in places.values():
                place.prefect.http.close()


@pytest.fixture(params=["locked", "cloud"])
def place(request: pytest.FixtureRequest, installation: Installation) -> Place:
    return installation.places[request.param]


def test_a_run_of_each_ends_and_shows_no_credentials(place: Place, tmp_path: Path) -> None:
    for _ in range(2):
        run = place.start()
        found = place.finished(run)
        assert (found.status, place.state(run)) == (Status.SUCCEEDED, "Completed"), found.reason
    text = place.log(run)
    assert "signed in as" in text
    assert not [secret for secret in place.secrets if secret in text]
    until(lambda: place.tasks(run) == ["Cached"], 60, "the results block to have kept the task")
    assert found.url == place.page.partition("/deployments/")[0] + f"/runs/flow-run/{run}"
    uses = place.client.secrets.uses(place.project, "prefect-key") if place.project == "cloudy" else []
    assert all(use.attempt_id for use in uses)
    assert len(uses) == (2 if place.project == "cloudy" else 0)


def test_a_cancel_reaches_it_and_nothing_is_in_argv(
    place: Place, installation: Installation, tmp_path: Path
) -> None:
    marker = tmp_path / "marker"
    run = place.start(how="wait", marker=str(marker))
    until(marker.exists, 60, "the run")
    lines = [" ".join(process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"])]
    secrets = [secret for one in installation.places.values() for secret in one.secrets]
    assert any("launcher" in line for line in lines)
    assert not [line for line in lines if any(secret in line for secret in secrets)]
    place.client.runs.cancel(run, "enough")
    assert place.finished(run).status == Status.CANCELLED
    until(lambda: place.state(run) == "Cancelled", 30, "Prefect to show it")


def test_a_cancel_in_prefect_reaches_the_run(place: Place, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    run = place.start(how="wait", marker=str(marker))
    until(marker.exists, 60, "the run")
    state = {"type": "CANCELLING", "name": "Cancelling"}
    place.prefect.call("POST", f"flow_runs/{run}/set_state", {"state": state, "force": False})
    assert place.finished(run).status == Status.CANCELLED


def test_a_retry_is_a_second_attempt(place: Place, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    run = place.start(how="fail-once", marker=str(marker))
    assert place.finished(run).status == Status.FAILED
    state = {"type": "SCHEDULED", "name": "AwaitingRetry"}
    place.prefect.call("POST", f"flow_runs/{run}/set_state", {"state": state, "force": False})
    found = place.finished(run, attempts=2)
    assert (found.status, found.attempts, place.state(run)) == (Status.SUCCEEDED, 2, "Completed")


def test_an_event_starts_a_run(place: Place) -> None:
    done = place.command(script=RING)
    assert done.returncode == 0, done.stderr
    until(place.bell.exists, 60, "the automation to start a run")
    newest = place.client.runs.list(place.project).items[0]
    assert place.finished(newest.id).status == Status.SUCCEEDED


def test_doctor_and_the_listing_say_that_all_is_well(place: Place) -> None:
    def well() -> bool:
        done = place.command("doctor", "--json")
        assert done.stdout, done.stderr
        return all(check["ok"] for check in json.loads(done.stdout) if check["name"] != "parts")

    until(well, 60, place.command("doctor").stdout)
    listed = place.command("agent", "list").stdout
    assert "LATE RUNS" in listed
    assert not [secret for secret in place.secrets if secret in listed]


def test_bursts_of_429_are_waited_out(installation: Installation, tmp_path: Path) -> None:
    place, gateway = installation.places["cloud"], installation.gateway
    before = gateway.limited
    started = []
    for number in range(6):
        gateway.limit(8, 1)
        started.append(place.start(marker=str(tmp_path / f"m{number}")))
    place.register()
    for number, run in enumerate(started):
        found = place.finished(run)
        assert (found.status, found.attempts) == (Status.SUCCEEDED, 1), found.reason
        assert (tmp_path / f"m{number}").read_text() == "return\n"
    assert gateway.limited > before


def test_a_prefect_that_is_away_is_told_and_comes_back(installation: Installation) -> None:
    place, gateway = installation.places["cloud"], installation.gateway

    def report() -> Any:
        (agent,) = place.client.agents.list("cloudy")
        return agent.report

    gateway.down()
    try:
        until(lambda: "does not answer" in (report().problem or ""), 30, "the agent to say so")
        told = report()
        assert told.problem_since is not None
        assert told.problem_since > told.started_at
        doctor = place.command("doctor").stdout
        assert "WRONG" in doctor
        assert "in-the-cloud: " in doctor
        assert f"Prefect at {gateway.url} does not answer" in doctor
        assert "(for " in doctor
    finally:
        gateway.up()
    until(lambda: report().problem is None, 60, "the agent to be well again")
    assert place.finished(place.start()).status == Status.SUCCEEDED
    assert installation.agent.is_running()


def test_no_process_has_written_a_credential(installation: Installation, place: Place) -> None:
    found = [*place.logs, *installation.platform.data.rglob("*.log")]
    assert any(path.name == "agent.log" for path in found)
    for path in found:
        text = path.read_text(errors="replace")
        assert not [secret for secret in place.secrets if secret in text], path


def test_a_project_with_flows_stays_in_its_prefect(installation: Installation) -> None:
    place = installation.places["cloud"]
    done = place.command("project", "set", "cloudy", "--installation-prefect")
    assert done.returncode == 1
    assert "has flows in Prefect at" in done.stderr
    shown = place.command("project", "show", "cloudy").stdout
    assert installation.gateway.url in shown
    assert "prefect-key" in shown
