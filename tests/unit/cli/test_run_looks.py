"""What a run was started with, ran with and wrote: parameters, environment, task runs, lines of its log."""

from __future__ import annotations

import json

import click
import pytest

from prefect_platform.cli import run_logs
from prefect_platform.server.services.orchestrator import TaskRunState
from prefect_platform.wire.flows import RunRequest
from prefect_platform.wire.logs import LogLevel
from prefect_platform.wire.runs import Run
from tests.unit.cli.scene import Launched, Scene

LOG = b"""loading
10:00 | WARNING | the \x1b[31mDelay\x1b[0m is 12
Traceback (most recent call last):
  File "x.py", line 1
KeyError: 'region'
delay again
"""
CAPTURED = {
    "python_version": "3.11.7",
    "distributions": [{"name": "numpy", "version": "2.4.5"}, {"name": "pandas", "version": "3.0.0"}],
    "packages": ["polars>=1"],
    "variables": {"REGION": "eu"},
}
FOUND = {
    "executable": "/opt/py/bin/python", "python_version": "3.11.8", "implementation": "CPython",
    "platform": "Linux 6.1 x86_64", "fingerprint": "f" * 64, "packages": 2, "how": "as it is now",
    "differences": [{"package": "numpy", "registered": "2.4.5", "found": None}], "more_differences": 3,
}  # fmt: skip


@pytest.fixture
def run(platform: Scene) -> Run:
    platform.register({"flow.py": b"pass\n"}, environment=CAPTURED)
    flow = platform.client.flows.find("default", "etl")
    request = RunRequest(parameters={"day": "2013-01-05", "name": "\u202ex\x1b[2J", "long": "y" * 20_000})
    return platform.client.flows.run(flow.id, request)


@pytest.fixture
def launched(platform: Scene, run: Run) -> Launched:
    found = platform.launched(run)
    found.write("launcher", b"no delay\n")
    found.write("flow", LOG)
    return found


def test_lines_with_a_text_are_told_with_their_source_and_number(
    platform: Scene, run: Run, launched: Launched
) -> None:
    done = platform.type("run", "logs", run.id, "--search", "delay")
    assert (done.exit_code, done.stderr) == (0, "")
    assert sorted(done.stdout.splitlines()) == [
        "flow:2 | 10:00 | WARNING | the Delay is 12",
        "flow:6 | delay again",
        "launcher:1 | no delay",
    ]
    narrow = platform.type("run", "logs", run.id, "--search", "delay", "--case", "--source", "flow")
    assert narrow.stdout == "flow:6 | delay again\n"
    found = json.loads(platform.type("run", "logs", run.id, "--search", "again", "--json").stdout)
    assert [(hit["source"], hit["line"], hit["start"], hit["end"]) for hit in found] == [("flow", 5, 6, 11)]


def test_lines_of_a_level_and_the_first_error(platform: Scene, run: Run, launched: Launched) -> None:
    warned = platform.type("run", "logs", run.id, "--level", "warning").stdout
    assert warned.splitlines()[0] == "flow:2 | 10:00 | WARNING | the Delay is 12"
    assert platform.type("run", "logs", run.id, "--first-error").stdout == "flow:5 | KeyError: 'region'\n"


def test_nothing_found_is_said_and_no_failure(platform: Scene, run: Run, launched: Launched) -> None:
    done = platform.type("run", "logs", run.id, "--search", "nowhere")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "No line is like that.\n")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--search", "x", "--level", "error"], "--search and --level do not go together"),
        (["--search", "x", "-f"], "goes with neither --follow nor --tail"),
        (["--first-error", "--tail", "3"], "goes with neither --follow nor --tail"),
        (["--case"], "--case goes with --search"),
        (["--json"], "a log is bytes"),
        (["--search", "a\nb"], "no line break"),
    ],
)
def test_what_does_not_go_together_is_refused(
    platform: Scene, run: Run, launched: Launched, words: list[str], why: str
) -> None:
    done = platform.type("run", "logs", run.id, *words)
    assert done.exit_code == 2
    assert why in done.stderr


def test_levels_are_those_of_the_wire() -> None:
    option = next(one for one in run_logs.command.params if one.name == "level")
    assert isinstance(option.type, click.Choice)
    assert set(option.type.choices) == set(LogLevel)


def test_parameters_are_json_and_move_no_terminal(platform: Scene, run: Run) -> None:
    done = platform.type("run", "parameters", run.id)
    assert json.loads(done.stdout)["day"] == "2013-01-05"
    assert done.stdout.isascii()
    assert "\x1b" not in done.stdout
    assert done.stderr == "/long: 3,616 characters more\n"
    whole = json.loads(platform.type("run", "parameters", run.id, "--json").stdout)
    assert whole["cuts"] == [{"path": "/long", "kind": "text", "left_out": 3616}]


def test_the_environment_tells_what_differs(platform: Scene, run: Run, launched: Launched) -> None:
    before = platform.type("run", "environment", run.id).stdout
    assert "Nobody has looked at it yet" in before
    launched.call("POST", "environment", json=FOUND)
    lines = platform.type("run", "environment", run.id).stdout.splitlines()
    assert "python           CPython 3.11.8 at /opt/py/bin/python" in lines
    assert "registered with  CPython 3.11.7" in lines
    assert "added            polars>=1" in lines
    assert lines[-4:] == ["PACKAGE  REGISTERED  RUN", "numpy    2.4.5       -", "", "3 more packages differ."]
    every = platform.type("run", "environment", run.id, "--all").stdout
    assert "pandas   3.0.0       3.0.0" in every
    told = json.loads(platform.type("run", "environment", run.id, "--json").stdout)
    assert [one["differs"] for one in told["packages"]] == [True, False]


def test_task_runs_say_what_they_waited_for(platform: Scene, run: Run) -> None:
    assert platform.type("run", "tasks", run.id).stdout == "No task runs.\n"
    platform.orchestrator.tasks[run.id] = [
        TaskRunState("t-1", "load-0", "load", "COMPLETED", "Completed", None, None),
        TaskRunState("t-2", "split-0", "split", "FAILED", "Failed", None, None, ("t-1", "gone")),
    ]
    shown = platform.type("run", "tasks", run.id).stdout.splitlines()
    assert [line.split() for line in shown[1:]] == [
        ["load-0", "Completed", "-", "-", "-"],
        ["split-0", "Failed", "-", "-", "load-0,", "gone"],
    ]
    found = json.loads(platform.type("run", "tasks", run.id, "--json").stdout)
    assert [one["id"] for one in found["items"]] == ["t-1", "t-2"]
