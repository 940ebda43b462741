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
from prefect_platform.wire.launch import LaunchSpec, PrivateFile, Program, Repository, WantedEnvironment
from tests.repositories import repository

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


def program(
    platform: LauncherPlatform,
    code: str,
    *arguments: str,
    environment: WantedEnvironment | None = None,
    **fields: object,
) -> LaunchSpec:
    wanted = Program(title="The agent", arguments=["-c", code, *arguments], source="agent", **fields)  # type: ignore[arg-type]
    return spec(platform, PYTHON, flow_run=None, attempt_id=None, program=wanted, wanted=environment)


def as_it_is(**fields: object) -> WantedEnvironment:
    return WantedEnvironment("", "", "", [], as_it_is=True, **fields)  # type: ignore[arg-type]


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


def test_an_interpreter_without_its_module_is_told_before_it_starts(
    platform: LauncherPlatform, tmp_path: Path
) -> None:
    wanted = program(platform, "print('started')", modules=["no_such_lab"], environment=as_it_is())
    with launched(platform, tmp_path / "w", wanted) as launch:
        assert launch.wait() == 0, launch.stderr
    assert platform.log("agent") == b""
    assert platform.result is not None
    assert f"{PYTHON} has no no_such_lab" in platform.result["reason"]
    assert "add it to `packages`" in platform.result["reason"]


def test_its_environment_is_the_interpreter_as_it_is(platform: LauncherPlatform, tmp_path: Path) -> None:
    work = tmp_path / "deep" / "work"
    code = "import os; print(os.getcwd(), os.environ['PATH'].split(':')[0])"
    wanted = program(platform, code, environment=as_it_is(working_directory=str(work)))
    with launched(platform, tmp_path / "w", wanted) as launch:
        assert launch.wait() == 0, launch.stderr
    assert platform.log("agent").decode().split() == [str(work), str(Path(PYTHON).parent)]
    told = next(one for one in platform.promises if one["name"] == "environment")
    assert told["kept"]
    assert "as it is" in told["summary"]


def test_a_start_script_that_fails_names_its_line(platform: LauncherPlatform, tmp_path: Path) -> None:
    script = "echo begins\n\nfalse # of all things\necho never\n"
    wanted = program(platform, "print('started')", environment=as_it_is(start_script=script))
    with launched(platform, tmp_path / "w", wanted) as launch:
        assert launch.wait() == 0, launch.stderr
    assert platform.log("start-script") == b"begins\n"
    assert platform.log("agent") == b""
    assert platform.result is not None
    assert "with exit code 1 in line 3: false # of all things" in platform.result["reason"]


def test_its_repositories_are_in_its_working_directory(platform: LauncherPlatform, tmp_path: Path) -> None:
    origin = repository(tmp_path / "origin", {"a.txt": "one"})
    wanted = program(
        platform,
        "print(open('code/a.txt').read())",
        repositories=[Repository(str(origin.path), "code", local=True)],
        environment=as_it_is(working_directory=str(tmp_path / "work")),
    )
    with launched(platform, tmp_path / "w", wanted) as launch:
        assert launch.wait() == 0, launch.stderr
    assert platform.log("agent") == b"one\n"
    assert platform.step("repositories-ready") is not None
    told = next(one for one in platform.promises if one["name"] == "code")
    assert (told["kept"], "code cloned" in told["summary"]) == (True, True)


def test_a_repository_that_cannot_be_had_ends_the_start(platform: LauncherPlatform, tmp_path: Path) -> None:
    wanted = program(
        platform,
        "print('started')",
        repositories=[Repository(str(tmp_path / "gone"), "code", local=True)],
        environment=as_it_is(working_directory=str(tmp_path / "work")),
    )
    with launched(platform, tmp_path / "w", wanted) as launch:
        assert launch.wait() == 0, launch.stderr
    assert platform.log("agent") == b""
    assert platform.result is not None
    assert "there is no git repository" in platform.result["reason"]
    assert not next(one for one in platform.promises if one["name"] == "code")["kept"]


def test_a_disk_that_is_too_full_ends_the_start(platform: LauncherPlatform, tmp_path: Path) -> None:
    wanted = program(
        platform,
        "print('started')",
        disk_bytes=1 << 60,
        environment=as_it_is(working_directory=str(tmp_path / "work")),
    )
    with launched(platform, tmp_path / "w", wanted) as launch:
        assert launch.wait() == 0, launch.stderr
    assert platform.result is not None
    assert f"of disk in {tmp_path / 'work'}" in platform.result["reason"]
    assert platform.log("agent") == b""


READS = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
seen = ""
while True:
    now = open(os.environ["SIGN_IN"]).read()
    if now != seen:
        print("found", now, oct(os.stat(os.environ["SIGN_IN"]).st_mode & 0o777), flush=True)
        seen = now
    time.sleep(0.01)
"""


def test_its_sign_in_is_renewed_and_never_in_its_log(platform: LauncherPlatform, tmp_path: Path) -> None:
    """Also when an answer is lost."""
    platform.lost_renewals = {2}
    wanted = program(
        platform,
        READS,
        variables={"SIGN_IN": "{directory}/sign-in"},
        files=[PrivateFile("sign-in", "first")],
        renewed="sign-in",
        renew_seconds=0.3,
    )
    with launched(platform, tmp_path / "w", wanted) as launch:
        platform.wait(lambda: platform.log("agent").count(b"found") >= 3, "two new ones")
        launch.terminate()
        assert launch.wait() == 0, launch.stderr
    lines = platform.log("agent").decode().splitlines()
    assert lines[0] == "found first 0o600"
    assert set(lines[1:]) == {"found **************** 0o600"}
    assert b"renewed-secret" not in platform.log("launcher")


def test_a_file_that_cannot_be_written_is_named(platform: LauncherPlatform, tmp_path: Path) -> None:
    (tmp_path / "w").mkdir()
    (tmp_path / "w" / "program").write_text("in its way")
    wanted = program(platform, "print('started')", files=[PrivateFile("token", "content")])
    with launched(platform, tmp_path / "w", wanted) as launch:
        assert launch.wait() == 0, launch.stderr
    assert platform.log("agent") == b""
    assert platform.result is not None
    assert "needs its file" in platform.result["reason"]
    assert "Not a directory" in platform.result["reason"] or "File exists" in platform.result["reason"]
