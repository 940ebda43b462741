"""A secret that nobody may see: given to a real run, printed by it, and then looked for everywhere.

A flow gets one value as a variable and another as a file, prints both in every form that is masked, and
waits. Meanwhile and afterwards every file of the platform, every process and every answer is searched.
"""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
import requests

from prefect_platform.client.api import PlatformClient
from prefect_platform.testing.embedded import Embedded, embedded, until
from prefect_platform.testing.prefect_calls import Prefect
from prefect_platform.wire.logs import LogSource
from prefect_platform.wire.runs import FINAL, RunDetail, Status

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

CORE = "Canary7Quetzalcoatl9Xylophone"
"""What both values have in them. Nobody else writes this word."""
NEEDLES = [
    CORE.encode(),
    *(base64.b64encode(b"xyz"[:n] + CORE.encode())[4:-4] for n in range(3)),
    CORE.encode().hex().encode(),
    CORE.encode().hex().upper().encode(),
]
"""The word, what stands of it in base64 whatever is around it, and its hexadecimal forms."""
VARIABLE = f"va/r+\"{CORE}'é&="
FILE = f"-----BEGIN KEY-----\n{CORE}InTheFile\n-----END KEY-----\n"

FLOWS = """
import base64, json, os, pathlib, shlex, sys, time, urllib.parse
from prefect import flow

def forms(value):
    raw = value.encode()
    yield value
    yield json.dumps(value)
    yield urllib.parse.quote(value, safe="")
    yield shlex.quote(value)
    yield repr(value)
    yield raw.hex()
    yield raw.hex().upper()
    for lead in (b"", b"x", b"yz"):
        yield base64.b64encode(lead + raw + lead).decode()

@flow
def sings(here: str):
    secret = os.environ["CANARY"]
    place = pathlib.Path("~/.cage/canary").expanduser()
    text = place.read_text()
    for value in (secret, text):
        for form in forms(value):
            print("begin", form, "end", flush=True)
            print("begin", form, "end", file=sys.stderr, flush=True)
    pathlib.Path(here, "told.json").write_text(json.dumps({
        "variable": len(secret), "file": len(text), "mode": place.stat().st_mode & 0o777,
        "folder": place.parent.stat().st_mode & 0o777,
    }))
    while not pathlib.Path(here, "go").exists():
        time.sleep(0.05)

@flow
def needs():
    print("user code runs")
"""


@dataclass
class Stage:
    platform: Embedded
    client: PlatformClient
    directory: Path
    home: Path
    """Home of the run's user."""

    def command(self, *words: str, given: str | None = None) -> str:
        """What a command prints, which has to succeed."""
        done = subprocess.run(
            [sys.executable, "-m", "prefect_platform", *words],
            env=self.platform.environment, input=given, capture_output=True, text=True, timeout=120,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        assert CORE not in done.stdout + done.stderr
        return done.stdout

    def register(self, flow: str, *words: str) -> None:
        self.command("flow", "register", f"{self.directory / 'project' / 'flows.py'}:{flow}", *words)

    def start(self, flow: str) -> str:
        return str(json.loads(self.command("run", "start", flow, "--json"))["id"])

    def finished(self, run: str) -> RunDetail:
        def over() -> RunDetail | None:
            found = self.client.runs.get(run)
            return found if found.status in FINAL and all(s.sealed_at for s in self.sources(run)) else None

        return until(over, 90, "the end of the run")

    def sources(self, run: str) -> list[LogSource]:
        return list(self.client.logs.sources(run))

    def log(self, run: str) -> bytes:
        return b"".join(self.client.logs.raw(one.workload_id, one.source) for one in self.sources(run))


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    directory = tmp_path_factory.mktemp("canary")
    (directory / "project").mkdir()
    (directory / "project" / "flows.py").write_text(FLOWS)
    (directory / "user").mkdir()
    with embedded(directory / "home", environment={"HOME": str(directory / "user")}) as platform:
        client = platform.client()
        yield Stage(platform, client, directory, directory / "user")
        client.close()


def leaking(directory: Path) -> list[Path]:
    """Files below a directory in which the canary stands, in any of its forms."""
    files = [path for path in directory.rglob("*") if path.is_file() and not path.is_symlink()]
    return [path for path in files if heard(path.read_bytes())]


def heard(data: bytes) -> bool:
    return any(needle in data for needle in NEEDLES)


def told_by_processes() -> tuple[list[list[str]], list[psutil.Process]]:
    """Command lines with the canary in them, and processes with it in their environment."""
    lines, environments = [], []
    for process in psutil.process_iter():
        try:
            if any(CORE in word for word in process.cmdline()):
                lines.append(process.cmdline())
            if any(CORE in value for value in process.environ().values()):
                environments.append(process)
        except psutil.Error:  # gone, or somebody else's
            continue
    return lines, environments


def test_nobody_but_the_run_sees_the_canary(stage: Stage) -> None:
    stage.command("secret", "set", "canary", "-", given=VARIABLE)
    stage.command("secret", "set", "caged-canary", "-", given=FILE)
    stage.register(
        "sings", "--secret", "canary", "--secret", "caged-canary:~/.cage/canary:0400",
        "--param", f"here={stage.directory}",
    )  # fmt: skip
    run = stage.start("sings")
    told = stage.directory / "told.json"
    until(told.exists, 90, "user code")
    try:
        lines, environments = told_by_processes()
        assert lines == []
        launchers = [process for process in environments if "launcher" in " ".join(process.cmdline())]
        assert environments, "the engine has it"
        assert launchers == []
        parts = {part["pid"] for part in stage.platform.state["parts"].values()}
        assert parts
        assert not parts & {process.pid for process in environments}
        assert leaking(stage.directory / "home") == []
        assert leaking(stage.home) == [stage.home / ".cage" / "canary"]
    finally:
        (stage.directory / "go").touch()
    found = stage.finished(run)
    assert found.status is Status.SUCCEEDED, found.reason
    assert json.loads(told.read_text()) == {
        "variable": len(VARIABLE), "file": len(FILE), "mode": 0o400, "folder": 0o700,
    }  # fmt: skip
    judge_log(stage, run)
    judge_promise(stage, run, found)
    judge_ledger(stage, run, found)
    assert leaking(stage.directory / "home") == []
    assert leaking(stage.home) == [], "the file is gone with the run"


def judge_log(stage: Stage, run: str) -> None:
    log = stage.log(run)
    assert not heard(log)
    assert log.count(b"begin ") == log.count(b" end\n") == 2 * 2 * 10
    for line in log.splitlines():
        if line.startswith(b"begin "):
            assert b"****" in line, line
    assert CORE not in json.dumps(Prefect(stage.platform.prefect_api).call("GET", f"/flow_runs/{run}"))


def judge_promise(stage: Stage, run: str, found: RunDetail) -> None:
    promises = {p.name.value: p for p in found.attempt_list[0].workload.promises or []}
    assert promises["secrets"].kept
    assert "canary version 1 as $CANARY" in promises["secrets"].summary
    assert "caged-canary version 1 as ~/.cage/canary" in promises["secrets"].summary
    assert CORE not in found.model_dump_json()
    assert "secrets  kept" in stage.command("run", "show", run)


def judge_ledger(stage: Stage, run: str, found: RunDetail) -> None:
    for name in ("canary", "caged-canary"):
        (use,) = stage.client.secrets.uses("default", name)
        assert (use.version, use.run_id, use.attempt_id) == (1, run, found.attempt_list[0].id)
        assert use.flow_version_id == found.version_id


def test_no_answer_repeats_the_canary(stage: Stage) -> None:
    """Whatever is asked, and however wrong."""
    url, token = stage.platform.profile["url"], stage.platform.profile["token"]
    path = f"{url}/api/v1/projects/default/secrets/loud"
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    for body in (
        json.dumps({"value": VARIABLE}), json.dumps({"value": FILE, "name": FILE}), f'{{"value": "{CORE}',
        json.dumps([CORE]), json.dumps({"value": CORE + "\0"}),
    ):  # fmt: skip
        for _ in range(2):
            answer = requests.post(
                path, data=body.encode(), headers={**headers, "Idempotency-Key": "k"}, timeout=20
            )
            assert CORE not in answer.text
    for known in (*stage.client.secrets.list("default"), stage.client.secrets.get("default", "loud")):
        assert CORE not in f"{known!r} {known.model_dump_json()}"
    assert leaking(stage.directory / "home") == []


def test_a_secret_deleted_after_registration_is_the_reason_of_the_crash(stage: Stage) -> None:
    stage.command("secret", "set", "short-lived", "-", given="a value")
    stage.register("needs", "--secret", "short-lived")
    stage.command("secret", "delete", "short-lived")
    run = stage.start("needs")
    found = stage.finished(run)
    assert found.status is Status.CRASHED
    assert "Secret 'short-lived' of project 'default' was deleted" in (found.reason or "")

    def told() -> bool:
        state = Prefect(stage.platform.prefect_api).call("GET", f"/flow_runs/{run}")["state"]
        return state["type"] == "CRASHED" and "'short-lived'" in (state["message"] or "")

    until(told, 60, "Prefect to be told why")
    assert stage.client.secrets.uses("default", "short-lived") == ()


def test_a_file_that_would_overwrite_another_is_the_reason_of_the_crash(stage: Stage) -> None:
    (stage.home / ".netrc").write_text("machine example.org\n")
    stage.command("secret", "set", "netrc", "-", given="machine example.com password x\n")
    stage.register("needs", "--secret", "netrc:~/.netrc")
    found = stage.finished(stage.start("needs"))
    assert found.status is Status.CRASHED
    assert "~/.netrc already, and is not overwritten" in (found.reason or "")
    promises = {p.name.value: p for p in found.attempt_list[0].workload.promises or []}
    assert not promises["secrets"].kept
    assert (stage.home / ".netrc").read_text() == "machine example.org\n"
