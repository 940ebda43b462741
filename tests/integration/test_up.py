"""`prefect-platform up` as a user starts it, and everything that may end it or a part of it."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from prefect_platform.client.api import PlatformClient
from prefect_platform.testing.embedded import STOP_SECONDS, Embedded, embedded, launch, until
from prefect_platform.wire.resources import ResourceKind
from prefect_platform.wire.runs import FINAL, RunDetail, Status

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

AGENT = ResourceKind.PREFECT_AGENT
WAITS = """
import pathlib, time
from prefect import flow

@flow
def waits(here: str):
    print("user code runs", flush=True)
    (pathlib.Path(here) / "begun").touch()
    while not (pathlib.Path(here) / "go").exists():
        time.sleep(0.05)
    print("user code ends", flush=True)
"""


def command(platform: Embedded, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "prefect_platform", *words],
        env=platform.environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def up_fails(home: Path, *options: str, **environment: str) -> str:
    """What `up` says when it does not start; it must exit 1 and leave nothing."""
    home.mkdir(exist_ok=True)
    env = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT")}
    env |= {
        "PREFECT_PLATFORM_HOME": str(home / "data"),
        "XDG_CONFIG_HOME": str(home / "config"),
        **environment,
    }
    done = subprocess.run(
        [sys.executable, "-m", "prefect_platform", "up", *options],
        env=env, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert left(home) == []
    return done.stderr


def left(home: Path) -> list[list[str]]:
    """Command lines of processes that have to do with a platform below `home`."""
    found = []
    for process in psutil.process_iter():
        try:
            words = [*process.cmdline(), process.cwd(), *process.environ().values()]
            if any(str(home / "data") in word for word in words) and process.pid != os.getpid():
                found.append(process.cmdline())
        except psutil.Error:  # gone, or somebody else's
            continue
    return found


def alive(part: dict[str, Any]) -> bool:
    try:
        return psutil.Process(part["pid"]).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def agents(platform: Embedded) -> list[psutil.Process]:
    """The processes of agents of this platform."""
    found = []
    for process in psutil.process_iter():
        try:
            words = process.cmdline()
            ours = str(platform.data) in process.environ().get("PREFECT_HOME", "")
            if ours and words[-2:] == ["agent", "run"] and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:  # gone, or somebody else's
            continue
    return found


def agent_process(platform: Embedded) -> psutil.Process | None:
    return next(iter(agents(platform)), None)


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    with embedded(tmp_path_factory.mktemp("up")) as running:
        yield running


def test_everything_runs_and_says_where(platform: Embedded) -> None:
    for url in (platform.profile["url"], platform.prefect_api, str(platform.data)):
        assert url.removesuffix("/api") in platform.output
    status = json.loads(command(platform, "status", "--json").stdout)
    assert status["sound"] is True
    assert {part["name"] for part in status["parts"]} == {"supervisor", "platform", "prefect"}
    (agent,) = status["kept_agents"]
    assert (agent["name"], agent["state"]["status"]) == ("local", "running")
    doctor = command(platform, "doctor")
    assert doctor.returncode == 0, doctor.stdout
    assert (platform.home / "config" / "prefect-platform" / "profile.json").stat().st_mode & 0o777 == 0o600
    assert platform.data.stat().st_mode & 0o777 == 0o700
    assert 0 < platform.state["own_ready_seconds"] <= platform.state["ready_seconds"]


def test_a_second_one_says_that_the_first_runs(platform: Embedded) -> None:
    done = command(platform, "up")
    assert done.returncode == 1
    assert f"A platform runs here already: process {platform.process.pid}" in done.stderr
    assert platform.profile["url"] in done.stderr
    assert platform.process.poll() is None


@pytest.mark.parametrize("name", ["platform", "prefect"])
def test_a_killed_part_comes_back_where_it_was(platform: Embedded, name: str) -> None:
    before, agent = platform.state["parts"][name], agent_process(platform)
    os.kill(before["pid"], signal.SIGKILL)

    def back() -> bool:
        part = platform.state["parts"].get(name)
        return part is not None and part["pid"] != before["pid"] and alive(part)

    until(back, 30, f"another {name}")
    assert f"{name} ended (signal 9, SIGKILL); starting it again." in platform.output
    assert platform.state["parts"][name]["restarts"] == before["restarts"] + 1
    until(lambda: command(platform, "doctor").returncode == 0, 60, "everything to answer again")
    assert agent_process(platform) == agent, "it goes on"


def test_a_killed_agent_comes_back_and_no_run_is_lost(platform: Embedded) -> None:
    before = agent_process(platform)
    assert before is not None
    before.kill()
    until(lambda: (found := agent_process(platform)) and found.pid != before.pid, 30, "another agent")
    state = platform.client().resources.get("default", AGENT, "local").state
    assert state.restarts == 1
    assert "killed by SIGKILL" in (state.reason or "")
    until(lambda: command(platform, "doctor").returncode == 0, 60, "everything to answer again")


def test_who_stopped_the_agent_keeps_it_stopped(tmp_path: Path) -> None:
    with embedded(tmp_path / "home") as first:
        assert command(first, "agent", "stop", "local").returncode == 0
        until(lambda: not agents(first), 30, "the agent to end")
    with embedded(first.home) as second:
        assert "local was stopped and stays so" in second.output
        told = command(second, "status")
        assert "`prefect-platform agent start local` starts it" in told.stdout
        assert agents(second) == []
        assert command(second, "agent", "start", "local").returncode == 0
        until(lambda: agents(second), 30, "the agent")
    until(lambda: left(first.home) == [], 10, "nothing to be left")


def test_an_agent_of_an_older_version_goes_on_as_the_same_agent(tmp_path: Path) -> None:
    """`up` made its row by hand, and kept a profile for it."""
    with embedded(tmp_path / "home") as first:
        assert command(first, "agent", "delete", "local", "--yes").returncode == 0
        until(lambda: not first.client().agents.list("default"), 60, "the agent to be gone")
        older = first.client().agents.create("default", "local")
    profile = first.data / "agent.json"
    profile.write_text(json.dumps({"url": first.profile["url"], "token": older.token, "project": "default"}))
    with embedded(first.home) as second:
        (only,) = second.client().agents.list("default")
        assert only.id == older.id == second.client().resources.get("default", AGENT, "local").id
        assert not profile.exists()
        assert len(agents(second)) == 1


@pytest.fixture
def started(tmp_path: Path) -> Iterator[tuple[Embedded, Path, str]]:
    """A platform with a run in user code, which ends once there is a file `go`."""
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "flows.py").write_text(WAITS)
    platform = launch(tmp_path / "home")
    try:
        until(platform.ready, 120, "the platform")
        flow = f"{tmp_path / 'project' / 'flows.py'}:waits"
        done = command(platform, "flow", "register", flow, "--name", "w", "--param", f"here={tmp_path}")
        assert done.returncode == 0, done.stderr
        done = command(platform, "run", "start", "waits", "--json")
        assert done.returncode == 0, done.stderr
        until((tmp_path / "begun").exists, 60, "user code")
        yield platform, tmp_path, json.loads(done.stdout)["id"]
    finally:
        (tmp_path / "go").touch()
        platform.stop()


def finished(client: PlatformClient, run: str) -> RunDetail:
    def over() -> RunDetail | None:
        found = client.runs.get(run)
        sealed = all(source.sealed_at for source in client.logs.sources(run))
        return found if found.status in FINAL and sealed else None

    return until(over, 90, "the end of the run")


def test_a_killed_supervisor_takes_its_parts_along_and_the_next_adopts_the_run(
    started: tuple[Embedded, Path, str],
) -> None:
    first, directory, run = started
    parts, url = first.state["parts"], first.profile["url"]
    first.process.kill()
    first.process.wait(10)
    until(lambda: not any(alive(part) for part in parts.values()), 10, "the parts to end")
    assert "not running" in command(first, "status").stdout
    assert "`up` was killed" in command(first, "doctor").stdout
    assert left(first.home), "the flow goes on"

    with embedded(first.home) as second:
        assert second.profile["url"] == url, "the run must find it again"
        (directory / "go").touch()
        client = second.client()
        end = finished(client, run)
        assert (end.status, end.attempts) == (Status.SUCCEEDED, 1), end.reason
        flow = next(source for source in client.logs.sources(run) if source.source == "flow")
        text = client.logs.raw(flow.workload_id, "flow")
        assert text.count(b"user code runs") == text.count(b"user code ends") == 1
        assert flow.gaps == []
    until(lambda: left(first.home) == [], 10, "nothing to be left")


def test_ctrl_c_cancels_and_records_what_runs_and_leaves_nothing(started: tuple[Embedded, Path, str]) -> None:
    platform, _, run = started
    assert platform.stop() == 0
    assert "1 open run was cancelled" in platform.output
    assert platform.output.rstrip().endswith("Stopped.")
    until(lambda: left(platform.home) == [], 10, "nothing to be left")
    assert not (platform.data / "up.json").exists()
    assert "No platform was started" in command(platform, "status").stdout
    with embedded(platform.home) as again:
        end = again.client().runs.get(run)
        assert end.status == Status.CANCELLED
        with urllib.request.urlopen(f"{again.prefect_api}/flow_runs/{run}", timeout=10) as answer:
            assert json.load(answer)["state"]["type"] == "CANCELLED"


def test_ctrl_c_twice_ends_at_once(tmp_path: Path) -> None:
    platform = launch(tmp_path / "home")
    until((platform.data / "up.json").exists, 30, "the parts to be started")
    platform.process.send_signal(signal.SIGINT)
    until(
        lambda: "Stopping" in platform.output or platform.process.poll() is not None,
        30,
        "the first to be heard",
    )
    platform.process.send_signal(signal.SIGTERM)
    platform.process.wait(STOP_SECONDS)
    until(lambda: left(platform.home) == [], 10, "nothing to be left")


def test_detached_and_stopped_from_elsewhere(tmp_path: Path) -> None:
    env = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT")}
    env |= {"PREFECT_PLATFORM_HOME": str(tmp_path / "data"), "XDG_CONFIG_HOME": str(tmp_path / "config")}

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "prefect_platform", *words],
            env=env, capture_output=True, text=True, timeout=200, check=False,
        )  # fmt: skip

    done = run("up", "--detach")
    assert done.returncode == 0, done.stderr
    assert "Ready" in done.stdout
    assert run("status").returncode == 0
    assert run("up", "--detach").returncode == 1
    assert run("down").stdout.startswith("Stopped after")
    assert left(tmp_path) == []
    assert "No platform runs in" in run("down").stdout


def test_a_port_that_was_named_and_is_taken(tmp_path: Path) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        assert f"Port {port} is taken, so the platform cannot" in up_fails(tmp_path, "--port", str(port))
        assert f"Port {port} is taken, so Prefect cannot" in up_fails(tmp_path, "--prefect-port", str(port))


def test_data_of_a_newer_version_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    with sqlite3.connect(tmp_path / "data" / "platform.db") as database:
        database.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
        database.execute("INSERT INTO alembic_version VALUES ('9999')")
    database.close()
    said = up_fails(tmp_path)
    assert said.startswith("Error: platform did not start. ")
    assert "newer" in said


def test_a_data_directory_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    env = {**os.environ, "PREFECT_PLATFORM_HOME": str(tmp_path / "file" / "data")}
    done = subprocess.run(
        [sys.executable, "-m", "prefect_platform", "up"],
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert "PREFECT_PLATFORM_HOME names another" in done.stderr


def test_a_prefect_elsewhere_that_does_not_answer_is_said(tmp_path: Path) -> None:
    platform = launch(tmp_path / "home", environment={"PREFECT_API_URL": "http://127.0.0.1:9/api"})
    try:
        until(lambda: "does not answer; runs start once it does" in platform.output, 60, "the sentence")
        assert set(platform.state["expected"]) == {"platform"}
        assert platform.process.poll() is None
    finally:
        assert platform.stop() == 0
    until(lambda: left(platform.home) == [], 10, "nothing to be left")
