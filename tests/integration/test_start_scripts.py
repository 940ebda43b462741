"""Start scripts: real launchers and a real bash, a played platform, any script as the engine."""

from __future__ import annotations

import platform as python
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from prefect_platform.testing.embedded import until
from prefect_platform.testing.launcher_platform import LauncherPlatform, launcher_platform
from prefect_platform.testing.launcher_scene import Launched, alive, launched, script, spec
from prefect_platform.wire.launch import LaunchSpec, LogSettings, WantedEnvironment

ENGINE = """
    import os
    print("engine in", os.getcwd(), "with", os.environ.get("REGION"))
"""


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[LauncherPlatform]:
    with launcher_platform(tmp_path / "platform") as made:
        yield made


def wanted(**changes: object) -> WantedEnvironment:
    """An environment that the engines of these tests have: they see no installed package."""
    return WantedEnvironment(
        "f" * 64, python.python_version(), python.python_implementation(), [], **changes  # type: ignore[arg-type]
    )  # fmt: skip


def with_script(
    platform: LauncherPlatform, tmp_path: Path, text: str, engine: str = ENGINE, **changes: object
) -> LaunchSpec:
    made = wanted(start_script=text, working_directory=changes.pop("working_directory", None))
    return spec(platform, script(tmp_path, engine), wanted=made, **changes)


def run(platform: LauncherPlatform, tmp_path: Path, text: str, **changes: object) -> Launched:
    with launched(platform, tmp_path / "w", with_script(platform, tmp_path, text, **changes)) as launch:
        assert launch.wait() == 0, launch.stderr
    return launch


def test_it_runs_before_the_engine_in_its_environment_and_directory(
    platform: LauncherPlatform, tmp_path: Path
) -> None:
    text = 'echo "script in $(pwd) with $REGION"; command -v engine; echo to stderr >&2; touch made'
    home = {"HOME": str(tmp_path / "home"), "REGION": "eu"}
    launch = run(platform, tmp_path, text, environment=home, working_directory="~/deep/work")
    place = tmp_path / "home" / "deep" / "work"
    said = f"script in {place} with eu\n{tmp_path}/engine\nto stderr\n"
    assert platform.log("start-script").decode() == said
    assert platform.log("flow").decode() == f"engine in {place} with eu\n"
    assert (place / "made").exists()
    names = [step["name"] for step in platform.steps]
    assert names == [
        "claimed", "environment-ready", "checked", "start-script-started", "start-script-ended",
        "engine-started", "engine-ended", "drained",
    ]  # fmt: skip
    assert platform.logs["start-script"].sealed
    assert platform.result["exit_code"] == 0
    assert launch.stderr == ""
    logs = next(one for one in platform.promises if one["name"] == "logs")
    assert "start-script" in logs["summary"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("echo fine\nls /nonexistent\necho never", "exit code 2 in line 2: ls /nonexistent"),
        ("f() {\n  false\n}\nf\necho never", "exit code 1 in line 2: false"),
        ("x=$(false; echo goes on)\necho $x\n(exit 7)\n", "exit code 7 in line 3: (exit 7)"),
        ("false || true\nif false; then :; fi\nno-such-thing", "exit code 127 in line 3: no-such-thing"),
        ("echo bye\nexit 3", "exit code 3; the last that it said: bye"),
        ("kill -9 $$", "by signal 9"),
        ("echo 'never closed", "exit code 2; the last that it said: "),
        ("set -o pipefail\ntrue\nfalse | true\n", "exit code 1 in line 3: false | true"),
    ],
)  # fmt: skip
def test_the_line_that_failed_is_the_reason(
    platform: LauncherPlatform, tmp_path: Path, text: str, why: str
) -> None:
    run(platform, tmp_path, text)
    assert why in platform.result["reason"]
    assert b"never" not in platform.log("start-script") or "never closed" in text
    assert platform.log("flow") == b""
    assert platform.result["exit_code"] is None
    assert all(log.sealed for log in platform.logs.values())


def test_one_that_hangs_is_ended_by_a_stop_and_heartbeats_flow_meanwhile(
    platform: LauncherPlatform, tmp_path: Path
) -> None:
    text = "trap 'echo told; exit 9' TERM\necho waiting\nsleep 1000 & wait"
    with launched(platform, tmp_path / "w", with_script(platform, tmp_path, text)) as launch:
        until(
            lambda: platform.logs.get("start-script") and platform.log("start-script") == b"waiting\n",
            20,
            "it",
        )
        launch.terminate()
        assert launch.wait() == 0
    assert "Cancelled before the run was started" in platform.result["reason"]
    assert platform.log("start-script") == b"waiting\ntold\n"
    assert platform.log("flow") == b""


def test_one_that_will_not_hear_is_killed_after_its_grace(platform: LauncherPlatform, tmp_path: Path) -> None:
    text = "trap '' TERM\necho $$\nwhile true; do sleep 1000; done"
    made = with_script(platform, tmp_path, text, grace_seconds=0.3)
    with launched(platform, tmp_path / "w", made) as launch:
        until(lambda: platform.logs.get("start-script") and platform.log("start-script"), 20, "it")
        launch.terminate()
        assert launch.wait() == 0
    assert "Cancelled" in platform.result["reason"]
    assert not alive(int(platform.log("start-script")))


def test_one_that_floods_is_capped_and_goes_on(platform: LauncherPlatform, tmp_path: Path) -> None:
    text = "yes 0123456789 | head -c 3000000; touch done"
    run(
        platform,
        tmp_path,
        text,
        log=LogSettings(cap_bytes=1 << 20, interval=0.02),
        working_directory=str(tmp_path),
    )
    log = platform.log("start-script")
    assert (1 << 20) <= len(log) < (1 << 20) + 200
    assert b"bytes are missing here: this log is at its cap" in log
    assert (tmp_path / "done").exists()
    assert platform.result["exit_code"] == 0


def test_what_it_leaves_running_lives_with_the_run_and_ends_with_it(
    platform: LauncherPlatform, tmp_path: Path
) -> None:
    text = f"setsid bash -c 'echo $$ > {tmp_path}/pid; while true; do echo tick; sleep 0.1; done' &\n"
    engine = f"""
        import os, pathlib, time
        for _ in range(200):
            if pathlib.Path({str(tmp_path)!r}, "pid").exists(): break
            time.sleep(0.05)
        time.sleep(0.5)
        os.kill(int(pathlib.Path({str(tmp_path)!r}, "pid").read_text()), 0)
        print("the daemon lives")
    """
    run(platform, tmp_path, text, engine=engine)
    assert platform.log("flow") == b"the daemon lives\n"
    assert not alive(int((tmp_path / "pid").read_text()))
    assert platform.log("start-script").count(b"tick") >= 3
    assert b"left processes behind" in platform.log("launcher")
    assert platform.logs["start-script"].sealed


def test_what_a_failed_one_leaves_running_is_ended(platform: LauncherPlatform, tmp_path: Path) -> None:
    run(platform, tmp_path, f"setsid sleep 1000 &\necho $! > {tmp_path}/pid\nfalse")
    assert "line 3: false" in platform.result["reason"]
    assert not alive(int((tmp_path / "pid").read_text()))


def test_a_killed_launcher_takes_its_start_script_along(platform: LauncherPlatform, tmp_path: Path) -> None:
    with launched(
        platform, tmp_path / "w", with_script(platform, tmp_path, "echo $$\nexec sleep 1000")
    ) as launch:
        until(lambda: platform.logs.get("start-script") and platform.log("start-script"), 20, "it")
        launch.process.kill()
        launch.wait()
        pid = int(platform.log("start-script"))
        until(lambda: not alive(pid), 10, "its end")


def test_secrets_are_masked_in_its_output(platform: LauncherPlatform, tmp_path: Path) -> None:
    given = {"environment": {"PASSWORD": "hunter2-is-long"}, "secrets": ["hunter2-is-long"]}
    run(platform, tmp_path, "echo $PASSWORD; $PASSWORD", **given)
    assert b"hunter2" not in platform.log("start-script")
    assert "hunter2" not in platform.result["reason"]


def test_an_engine_that_was_forked_before_is_like_any_other(
    platform: LauncherPlatform, tmp_path: Path
) -> None:
    engine = """
        import os, signal
        open_files = sorted(os.listdir("/proc/self/fd"))
        print(os.getsid(0) == os.getpid(), open_files, len(signal.pthread_sigmask(0, ())))
        print(*(signal.getsignal(one) == signal.SIG_DFL for one in (signal.SIGTERM, signal.SIGHUP)))
    """
    run(platform, tmp_path, "true", engine=engine)
    assert platform.log("flow") == b"True ['0', '1', '2', '3'] 0\nTrue True\n"


def test_a_directory_that_cannot_be_made(platform: LauncherPlatform, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    run(platform, tmp_path, "true", working_directory=f"{tmp_path}/file/below")
    assert f"The working directory {tmp_path}/file/below cannot be made: " in platform.result["reason"]


def test_no_bash(platform: LauncherPlatform, tmp_path: Path) -> None:
    run(platform, tmp_path, "true", environment={"PATH": str(tmp_path / "empty")})
    assert platform.result["reason"] == "The start script needs bash, which is not found on PATH."


def test_every_run_tells_what_it_waits_for(platform: LauncherPlatform, tmp_path: Path) -> None:
    """A stop that came by the platform's answer, with nothing written for a while."""
    with launched(platform, tmp_path / "w", with_script(platform, tmp_path, "sleep 1000")) as launch:
        until(lambda: any(step["name"] == "start-script-started" for step in platform.steps), 20, "it")
        platform.stop = True
        began = time.monotonic()
        assert launch.wait(30) == 0
        assert time.monotonic() - began < 25
    assert "the platform asked for the end" in platform.result["reason"]
