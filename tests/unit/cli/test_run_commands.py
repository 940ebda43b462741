from __future__ import annotations

import json
import threading

import click
import pytest
from click.testing import CliRunner

from prefect_platform.cli.main import main
from prefect_platform.client.logs import Logs
from prefect_platform.testing.embedded import until
from prefect_platform.wire.flows import RunRequest
from prefect_platform.wire.runs import FINAL, Run, Status
from tests.unit.cli.scene import Launched, Scene

BYTES = b"caf\xc3\xa9\n\xff\xfe\x00 no text\nlast"


@pytest.fixture
def run(platform: Scene) -> Run:
    platform.register({"flow.py": b"pass\n"})
    flow = platform.client.flows.find("default", "etl")
    return platform.client.flows.run(flow.id, RunRequest())


@pytest.fixture
def launched(platform: Scene, run: Run) -> Launched:
    found = platform.launched(run)
    found.write("launcher", b"fetched\n")
    found.write("flow", BYTES)
    return found


def test_one_source_is_its_exact_bytes(platform: Scene, run: Run, launched: Launched) -> None:
    assert platform.type("run", "logs", run.id, "--source", "flow").stdout_bytes == BYTES
    assert platform.type("run", "logs", run.name, "--source", "flow", "--tail", "1").stdout_bytes == b"last"


def test_several_sources_are_told_apart_by_line(platform: Scene, run: Run, launched: Launched) -> None:
    shown = platform.type("run", "logs", run.id).stdout_bytes
    lines = b"flow | caf\xc3\xa9\nflow | \xff\xfe\x00 no text\nflow | last\n"
    assert shown in (b"launcher | fetched\n" + lines, lines + b"launcher | fetched\n")


def test_a_source_that_is_not_there_is_named(platform: Scene, run: Run, launched: Launched) -> None:
    done = platform.type("run", "logs", run.id, "--source", "floww")
    assert done.exit_code == 2
    assert "no source 'floww'. It has: flow, launcher" in done.stderr


@pytest.mark.parametrize(("state", "code"), [("COMPLETED", 0), ("FAILED", 1)])
def test_following_ends_with_the_run_and_its_outcome(
    platform: Scene, run: Run, launched: Launched, state: str, code: int
) -> None:
    def go_on() -> None:
        launched.write("flow", b" words\n")
        launched.end(state)

    later = threading.Thread(target=go_on)
    later.start()
    done = platform.type("run", "logs", "-f", run.id, "--source", "flow")
    later.join()
    assert done.stdout_bytes == BYTES + b" words\n"
    assert done.exit_code == code
    assert f"Run {run.name}: {'succeeded' if code == 0 else 'failed'}" in done.stderr


def test_interrupting_leaves_the_run_alone(
    platform: Scene, run: Run, launched: Launched, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Logs, "follow", interrupted)
    done = platform.type("run", "logs", "-f", run.id)
    assert done.exit_code == 1
    assert f"The run goes on. `prefect-platform run logs -f {run.id}`" in done.stderr
    assert platform.client.runs.get(run.id).status is Status.RUNNING


def test_a_run_is_found_by_the_beginning_of_its_id(platform: Scene, run: Run) -> None:
    shown = platform.type("run", "show", run.id[:8], "--json").stdout
    assert json.loads(shown)["run"]["id"] == run.id
    assert platform.type("run", "show", run.id[:3]).exit_code == 2, "too short to stand for it"


def test_json_and_a_followed_log_do_not_mix(platform: Scene, run: Run) -> None:
    done = platform.type("run", "start", "etl", "--follow", "--json")
    assert (done.exit_code, done.stdout) == (2, "")


def test_a_finished_run_shows_its_timeline_and_seals(platform: Scene, run: Run, launched: Launched) -> None:
    launched.end()
    until(lambda: platform.client.runs.get(run.id).status in FINAL, 10, "the end")
    shown = platform.type("run", "show", run.id).stdout
    assert "status      succeeded" in shown
    assert "attempt 1: succeeded" in shown
    for word in ("queued", "provisioning", "starting", "running"):
        assert word in shown
    assert shown.count("SHA-256") == 2
    data = json.loads(platform.type("run", "show", run.id, "--json").stdout)
    assert data["run"]["status"] == Status.SUCCEEDED
    assert {log["source"] for log in data["logs"]} == {"flow", "launcher"}


PROMISES = [
    {"name": "size", "kept": True, "summary": "1 core and 1 GiB, as asked for."},
    {
        "name": "code",
        "kept": False,
        "summary": "2 files, but /opt/python does not find what it imports: pandas.",
        "differences": ["module pandas: not found"],
    },
]


def test_a_run_shows_its_promises_in_plain_text_where_nobody_sees_colours(
    platform: Scene, run: Run, launched: Launched
) -> None:
    assert "kept" not in platform.type("run", "show", run.id).stdout, "nothing was looked at yet"
    launched.call("POST", "promises", json={"promises": PROMISES})
    lines = platform.type("run", "show", run.id).stdout.splitlines()
    at = next(number for number, line in enumerate(lines) if line.split()[:2] == ["size", "kept"])
    assert lines[at].endswith("1 core and 1 GiB, as asked for.")
    assert lines[at + 1].split()[:2] == ["code", "broken"]
    assert lines[at + 2].strip() == "module pandas: not found"
    assert "\x1b" not in "".join(lines)
    data = json.loads(platform.type("run", "show", run.id, "--json").stdout)
    shown = data["run"]["attempt_list"][0]["workload"]["promises"]
    assert [(one["name"], one["kept"]) for one in shown] == [("size", True), ("code", False)]


def test_a_broken_promise_is_red_where_colours_are_seen(
    platform: Scene, run: Run, launched: Launched
) -> None:
    launched.call("POST", "promises", json={"promises": PROMISES})
    shown = CliRunner().invoke(main, ["run", "show", run.id], env=platform.environment, color=True).stdout
    assert click.style("broken", fg="red", bold=True) in shown
    assert click.style("kept  ", fg="green") in shown


def test_runs_are_listed_by_flow_and_status(platform: Scene, run: Run, launched: Launched) -> None:
    assert run.name in platform.type("run", "list", "--flow", "etl", "--status", "running").stdout
    assert "No runs." in platform.type("run", "list", "--status", "failed").stdout
    assert platform.type("run", "list", "--flow", "nothing").exit_code == 2
    assert platform.type("run", "list", "--status", "nonsense").exit_code == 2


def test_a_run_is_cancelled_and_a_finished_one_is_left(platform: Scene, run: Run, launched: Launched) -> None:
    done = platform.type("run", "cancel", run.name, "--reason", "wrong day")
    assert (done.exit_code, "is being cancelled" in done.stdout) == (0, True)
    until(lambda: platform.backend.stops, 10, "the stop")
    other = platform.type("run", "cancel", "no-such-run")
    assert other.exit_code == 2
    assert "has no run 'no-such-run'" in other.stderr


def test_the_statuses_of_the_option_are_those_of_the_wire() -> None:
    from prefect_platform.cli.run_list import _Status

    assert [status.value for status in _Status] == [status.value for status in Status]
