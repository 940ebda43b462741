"""Commands against everything real: register from CI, start, follow to the outcome."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from prefect_platform.testing.embedded import Embedded, embedded

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

FLOWS = """
from prefect import flow

@flow(log_prints=True)
def greet(name: str = "world", fail: bool = False):
    print(f"Hello, {name}!")
    if fail:
        raise ValueError("asked to fail")
"""


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    with embedded(tmp_path_factory.mktemp("cli")) as running:
        yield running


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "flows.py").write_text(FLOWS)
    return tmp_path


def pp(
    platform: Embedded, directory: Path, *words: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "prefect_platform", *words],
        cwd=directory, env={**platform.environment, **environment},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def test_from_ci_with_address_and_token_from_the_environment(platform: Embedded, project: Path) -> None:
    token = pp(platform, project, "token", "create", "ci").stdout.strip()
    ci = {
        "XDG_CONFIG_HOME": str(project / "nothing"),
        "PREFECT_PLATFORM_URL": platform.profile["url"],
        "PREFECT_PLATFORM_TOKEN": token,
    }
    words = [
        "flow",
        "register",
        "flows.py:greet",
        "--name",
        "ci",
        "--tag",
        "prod",
        "--concurrency-limit",
        "1",
    ]
    words += ["--cron", "0 2 * * *", "--timezone", "Europe/Berlin", "--param", "name=Ada"]
    done = pp(platform, project, *words, "--json", **ci)
    assert done.returncode == 0, done.stderr
    first = json.loads(done.stdout)
    assert (first["created"], first["version"]) == (True, 1)
    again = json.loads(pp(platform, project, *words, "--json", **ci).stdout)
    assert (again["created"], again["version"]) == (False, 1)
    assert "greet/ci" in pp(platform, project, *words, **ci).stdout


@pytest.mark.parametrize(("fail", "code", "outcome"), [("false", 0, "succeeded"), ("true", 1, "failed")])
def test_a_followed_run_prints_its_log_and_exits_by_its_outcome(
    platform: Embedded, project: Path, fail: str, code: int, outcome: str
) -> None:
    assert pp(platform, project, "flow", "register", "flows.py:greet", "--name", "follow").returncode == 0
    words = [
        "run",
        "start",
        "greet",
        "--deployment",
        "follow",
        "--param",
        "name=Grace",
        "--param",
        f"fail={fail}",
    ]
    done = pp(platform, project, *words, "--follow")
    assert done.returncode == code, done.stderr
    assert "Hello, Grace!" in done.stdout
    assert all(line.startswith(("flow | ", "launcher | ")) for line in done.stdout.splitlines())
    assert f": {outcome} in" in done.stderr
    run = json.loads(pp(platform, project, "run", "list", "--limit", "1", "--json").stdout)[0]
    raw = pp(platform, project, "run", "logs", run["id"], "--source", "flow")
    assert "Hello, Grace!" in raw.stdout
    assert "flow | " not in raw.stdout
    assert outcome in pp(platform, project, "run", "show", run["name"]).stdout


def test_what_a_run_was_and_wrote_and_its_schedule(platform: Embedded, project: Path) -> None:
    words = ["flow", "register", "flows.py:greet", "--name", "looked-at", "--cron", "0 2 * * *"]
    assert pp(platform, project, *words).returncode == 0
    words = [
        "run",
        "start",
        "greet",
        "--deployment",
        "looked-at",
        "--param",
        "name=Ada",
        "--param",
        "fail=true",
    ]
    assert "failed" in pp(platform, project, *words, "--follow").stderr
    run = json.loads(pp(platform, project, "run", "list", "--limit", "1", "--json").stdout)[0]["id"]

    assert json.loads(pp(platform, project, "run", "parameters", run).stdout) == {"name": "Ada", "fail": True}
    assert "No package differs." in pp(platform, project, "run", "environment", run).stdout
    assert pp(platform, project, "run", "tasks", run).stdout == "No task runs.\n"
    found = pp(platform, project, "run", "logs", run, "--search", "hello, ada", "--source", "flow").stdout
    assert "Hello, Ada!" in found
    assert "ValueError: asked to fail" in pp(platform, project, "run", "logs", run, "--first-error").stdout

    for verb, word in (("pause", "paused"), ("resume", "active")):
        done = pp(platform, project, "schedule", verb, "greet", "--deployment", "looked-at", "--json")
        [of] = [one for one in json.loads(done.stdout) if one["deployment_name"] == "looked-at"]
        assert of["paused"] is (verb == "pause")
        slug = of["schedules"][0]["slug"]
        shown = pp(platform, project, "schedule", verb, "greet", slug, "--deployment", "looked-at").stdout
        assert word in next(line for line in shown.splitlines() if " looked-at " in line)


def test_triggers_are_given_as_json_and_as_files(platform: Embedded, project: Path) -> None:
    (project / "triggers.json").write_text(
        json.dumps([{"type": "event", "expect": ["b"]}, {"type": "event", "expect": ["c"]}])
    )
    words = ["flow", "register", "flows.py:greet", "--name", "triggered", "--json"]
    one = json.dumps({"expect": ["a"], "parameters": {"name": "Grace"}})
    done = pp(platform, project, *words, "--trigger", one, "--trigger", "triggers.json")
    assert done.returncode == 0, done.stderr
    owner = f"prefect.deployment.{json.loads(done.stdout)['deployment_id']}"
    found = httpx.get(f"{platform.prefect_api}/automations/related-to/{owner}").json()
    assert sorted(one["trigger"]["expect"] for one in found) == [["a"], ["b"], ["c"]]
    assert [one["actions"][0]["parameters"] for one in found if one["trigger"]["expect"] == ["a"]] == [
        {"name": "Grace"}
    ]
    wrong = pp(platform, project, *words, "--trigger", '{"type": "nope"}')
    assert wrong.returncode == 2
    assert "A trigger cannot be read" in wrong.stderr


def test_what_is_wrong_is_said_before_anything_is_written(platform: Embedded, project: Path) -> None:
    for words in (["flows.py:gret"], ["flows.py:greet", "--cron", "every day"], ["nothing.py:greet"]):
        done = pp(platform, project, "flow", "register", *words, "--name", "bad")
        assert done.returncode == 2, done.stdout + done.stderr
        assert done.stderr.startswith("Error: ")
        assert "Traceback" not in done.stderr
    listing = json.loads(pp(platform, project, "flow", "list", "--json").stdout)
    assert not any(d["name"] == "bad" for flow in listing for d in flow["deployments"])
