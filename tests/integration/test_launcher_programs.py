"""A launcher with a program instead of a flow: its files, its readiness, its end."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from prefect_platform.testing.launcher_platform import LauncherPlatform, launcher_platform
from prefect_platform.testing.launcher_scene import launched, spec
from prefect_platform.wire.launch import LaunchSpec, PrivateFile, Program

PYTHON = os.path.realpath(sys.executable)
WEB = """
import http.server, signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(403); self.end_headers()
    def log_message(self, *_): pass
print("listens", flush=True)
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Page).serve_forever()
"""


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[LauncherPlatform]:
    with launcher_platform(tmp_path / "platform") as made:
        yield made


def program(platform: LauncherPlatform, code: str, *arguments: str, **fields: object) -> LaunchSpec:
    wanted = Program(title="The agent", arguments=["-c", code, *arguments], source="agent", **fields)  # type: ignore[arg-type]
    return spec(platform, PYTHON, flow_run=None, attempt_id=None, program=wanted)


def test_it_runs_at_once_and_its_output_is_a_source(platform: LauncherPlatform, tmp_path: Path) -> None:
    with launched(platform, tmp_path / "w", program(platform, "print('hello')")) as launch:
        assert launch.wait() == 0, launch.stderr
    assert platform.log("agent") == b"hello\n"
    assert platform.step("running") is not None
    assert platform.result is not None
    assert (platform.result["exit_code"], platform.result["receipt"]) == (0, None)
    assert all(log.sealed for log in platform.logs.values())
    assert {one["name"]: one["kept"] for one in platform.promises}["environment"]


def test_its_files_are_its_own_and_gone_with_it(platform: LauncherPlatform, tmp_path: Path) -> None:
    code = (
        "import os, sys; path = os.environ['PROFILE']; "
        "print(oct(os.stat(path).st_mode & 0o777), open(path).read(), sys.argv[1] == path)"
    )
    files = [PrivateFile("deep/profile.json", "content")]
    wanted = program(
        platform,
        code,
        "{directory}/deep/profile.json",
        files=files,
        variables={"PROFILE": "{directory}/deep/profile.json"},
    )
    with launched(platform, tmp_path / "w", wanted) as launch:
        assert launch.wait() == 0, launch.stderr
    assert platform.log("agent") == b"0o600 content True\n"


def test_it_is_running_once_it_answers_and_ends_by_sigterm(
    platform: LauncherPlatform, tmp_path: Path
) -> None:
    wanted = program(platform, WEB, "{port}", ready_path="/api")
    with launched(platform, tmp_path / "w", wanted) as launch:
        platform.wait(lambda: platform.step("running"), "the program to answer")
        step = platform.step("running")
        assert step is not None
        assert step["detail"].startswith("http://127.0.0.1:")
        launch.terminate()
        assert launch.wait() == 0, launch.stderr
    assert platform.result is not None
    assert (platform.result["exit_code"], platform.result["signal"]) == (0, None)


def test_one_that_never_answers_is_ended_with_the_reason(platform: LauncherPlatform, tmp_path: Path) -> None:
    code = "import time\nwhile True: time.sleep(60)"
    wanted = program(platform, code, ready_path="/api", ready_seconds=0.2)
    with launched(platform, tmp_path / "w", wanted) as launch:
        assert launch.wait() == 0, launch.stderr
    assert platform.result is not None
    assert platform.result["signal"] == signal.SIGTERM
    assert "The agent did not answer within 0.2 s" in platform.result["reason"]
    assert platform.step("running") is None


def test_one_that_fails_before_it_answers_says_so_itself(platform: LauncherPlatform, tmp_path: Path) -> None:
    code = "import sys; print('the port is taken'); sys.exit(3)"
    with launched(platform, tmp_path / "w", program(platform, code, ready_path="/")) as launch:
        assert launch.wait() == 0, launch.stderr
    assert platform.result is not None
    assert (platform.result["exit_code"], platform.result["reason"]) == (3, None)
    assert platform.result["last_lines"] == "the port is taken\n"
