from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from prefect_platform.launcher import engine
from prefect_platform.launcher.engine import EngineStart, start_engine
from prefect_platform.launcher.faults import EngineFault
from prefect_platform.wire.launch import FlowRun

RUN = FlowRun("f1", "http://127.0.0.1:4200/api", "flows.py:main")


@pytest.mark.parametrize(
    ("given", "want"),
    [
        ("flows.py:main", "/w/code/flows.py:main"),
        ("sub/flows.py:main", "/w/code/sub/flows.py:main"),
        ("package.module:main", "package.module:main"),
    ],
)
def test_files_become_absolute_and_modules_stay(given: str, want: str) -> None:
    assert engine.entrypoint(given, Path("/w/code")) == want


def test_the_environment_is_a_few_of_the_machines_and_what_the_spec_says() -> None:
    machine = {"PATH": "/bin", "LC_ALL": "C", "PYTHONDONTWRITEBYTECODE": "1", "TOKEN": "t", "HOME": "/root"}
    got = engine.environment(
        machine, {"HOME": "/home/u", "REGION": "eu"}, engine.variables(RUN, Path("/w/code"))
    )
    assert got == {
        "PATH": "/bin",
        "LC_ALL": "C",
        "HOME": "/home/u",
        "REGION": "eu",
        "PREFECT_API_URL": RUN.api_url,
        "PREFECT__FLOW_RUN_ID": "f1",
        "PREFECT__FLOW_ENTRYPOINT": "/w/code/flows.py:main",
    }


def test_code_that_prefect_pulls_has_no_entrypoint_here() -> None:
    """Without one the engine runs the pull steps of the deployment."""
    found = engine.variables(replace(RUN, pulled=True), Path("/w/work"))
    assert "PREFECT__FLOW_ENTRYPOINT" not in found
    assert found["PREFECT__FLOW_RUN_ID"] == "f1"


def test_a_missing_interpreter_is_named(tmp_path: Path) -> None:
    with pytest.raises(EngineFault, match=r"/nowhere/python, does not exist"):
        engine.check_interpreter("/nowhere/python")
    (tmp_path / "python").touch(mode=0o644)
    if os.access(tmp_path / "python", os.X_OK):
        pytest.skip("this user may execute everything")
    with pytest.raises(EngineFault, match="may not be executed"):
        engine.check_interpreter(str(tmp_path / "python"))


def started(tmp_path: Path, interpreter: str, **changes: object) -> tuple[int, bytes]:
    """Start it, and return its exit code and output."""
    read, write = os.pipe2(os.O_CLOEXEC)
    values = {"environment": {}, "directory": tmp_path, **changes}
    arguments = ("-c", "import os; print(os.getcwd(), os.getsid(0) == os.getpid(), os.read(0, 9))")
    try:
        pid = start_engine(EngineStart(interpreter, arguments, output=write, **values))  # type: ignore[arg-type]
    finally:
        os.close(write)
    with os.fdopen(read, "rb") as output:
        data = output.read()
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), data


def test_the_engine_has_its_directory_its_session_and_no_input(tmp_path: Path) -> None:
    assert started(tmp_path, sys.executable) == (0, f"{tmp_path} True b''\n".encode())


def test_why_an_engine_could_not_be_started(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no program")
    (tmp_path / "text").chmod(0o755)
    with pytest.raises(EngineFault, match="could not be executed"):
        started(tmp_path, str(tmp_path / "text"))
    with pytest.raises(EngineFault, match="could not enter"):
        started(tmp_path, sys.executable, directory=tmp_path / "nowhere")
    with pytest.raises(EngineFault, match=r"could not be executed.*null"):
        started(tmp_path, sys.executable, environment={"A": "\0"})


ENGINE = """
import io, json, sys
print(json.dumps({
    "name": __name__, "spec": __spec__.name, "argv": sys.argv, "path": sys.path[0],
    "trap": sys.modules["rfc3987_syntax"] is None,
    "lines": [sys.stdout.line_buffering, sys.stderr.line_buffering],
    "buffered": [not isinstance(s.buffer, io.RawIOBase) for s in (sys.stdout, sys.stderr)],
}))
sys.exit(7)
"""


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_the_bootstrap_runs_prefects_engine_as_the_main_program(tmp_path: Path, unbuffered: str) -> None:
    (tmp_path / "prefect").mkdir()
    (tmp_path / "prefect" / "__init__.py").touch()
    (tmp_path / "prefect" / "engine.py").write_text(ENGINE)
    command = [sys.executable, *engine.arguments("{}.{}.{}".format(*sys.version_info[:3]))]
    environment = {"PYTHONUNBUFFERED": unbuffered}
    found = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, timeout=20, check=False
    )
    assert (found.returncode, found.stderr) == (7, b"")
    assert json.loads(found.stdout) == {
        "name": "__main__",
        "spec": "prefect.engine",
        "argv": [str(tmp_path / "prefect" / "engine.py")],
        "path": str(tmp_path),
        "trap": True,
        "lines": [True, True],
        "buffered": [True, True],
    }


LARGE_PRINT = """
import signal
signal.signal(signal.SIGALRM, lambda *_: None)  # interrupts a write that waits: it has taken a part by then
signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
print("y" * 3_000_000)
signal.setitimer(signal.ITIMER_REAL, 0)
print("the end")
"""


@pytest.mark.parametrize("environment", [{}, {"PYTHONUNBUFFERED": "1"}])
def test_a_large_print_through_a_slow_pipe_is_whole(tmp_path: Path, environment: dict[str, str]) -> None:
    (tmp_path / "prefect").mkdir()
    (tmp_path / "prefect" / "__init__.py").touch()
    (tmp_path / "prefect" / "engine.py").write_text(LARGE_PRINT)
    command = [sys.executable, *engine.arguments("{}.{}.{}".format(*sys.version_info[:3]))]
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        found = b"".join(iter(lambda: os.read(process.stdout.fileno(), 1000), b""))
    assert process.returncode == 0
    assert found == b"y" * 3_000_000 + b"\nthe end\n"


def test_the_bootstrap_refuses_another_minor_version() -> None:
    command = [sys.executable, *engine.arguments("2.7.18")]
    found = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert found.returncode == engine.WRONG_PYTHON
    assert found.stderr.startswith(
        f"This flow was registered with Python 2.7, but {sys.executable} is Python 3."
    )


def test_the_end_of_a_sync_flow_does_not_wait_for_prefects_heartbeats() -> None:
    """Private to Prefect: where this is gone, a run ends up to a second later, and somebody should know."""
    command = engine.arguments("{}.{}.{}".format(*sys.version_info[:3]))[1]
    start = 'runpy.run_module("prefect.engine", run_name="__main__", alter_sys=True)'
    assert start in command
    shown = command.replace(start, "print(flows._send_heartbeats.keywords)")
    done = subprocess.run([sys.executable, "-c", shown], capture_output=True, text=True, check=True)
    assert done.stdout == "{'join_on_exit': False}\n"
