"""Launchers for tests: real processes against a played platform, with any script in the engine's place."""

from __future__ import annotations

import json
import signal
import stat
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from prefect_platform.testing.launcher_platform import TOKEN, LauncherPlatform
from prefect_platform.wire.launch import ClaimFile, FlowRun, LaunchSpec, LogSettings, encode

END_SECONDS = 30.0
ANSWER = """import sys
if "importlib.util" in sys.argv[2] or "libcuda" in sys.argv[2]:  # what a launcher asks every interpreter
    question, sys.argv = sys.argv[2], ["-c", *sys.argv[3:]]
    exec(question)
    sys.exit()
"""


def script(directory: Path, code: str, *, name: str = "engine") -> str:
    """An executable that stands for the interpreter of a flow version, and runs this Python code."""
    path = directory / name
    path.write_text(f"#!{sys.executable} -IS\n{ANSWER}{textwrap.dedent(code)}")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def shell_script(directory: Path, code: str) -> str:
    """The same, in the language of the shell."""
    path = directory / "engine.sh"
    answer = f'case "$2" in *importlib.util*) exec {sys.executable} "$@";; esac\n'
    path.write_text(f"#!/bin/sh\n{answer}{textwrap.dedent(code)}")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def spec(platform: LauncherPlatform, interpreter: str, **changes: Any) -> LaunchSpec:
    """A spec that asks for nothing special, but for `changes`."""
    plain = LaunchSpec(
        workload_id="w1",
        attempt_id="a1",
        interpreter=interpreter,
        python_version="{}.{}.{}".format(*sys.version_info[:3]),
        environment={},
        secrets=[],
        flow_run=FlowRun("f1", platform.prefect_url, "flows.py:main"),
        bundle=None,
        grace_seconds=5.0,
        memory_bytes=1 << 30,
        log=LogSettings(interval=0.02),
    )
    return replace(plain, **changes)


@dataclass
class Launched:
    """One launcher process and its workload directory."""

    process: subprocess.Popen[bytes]
    directory: Path

    def wait(self, seconds: float = END_SECONDS) -> int:
        """Wait for its end, and return its exit code."""
        return self.process.wait(seconds)

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    @property
    def stderr(self) -> str:
        return (self.directory / "launcher.log").read_text()

    @property
    def result(self) -> dict[str, Any]:
        """The result that it wrote down."""
        found: dict[str, Any] = json.loads((self.directory / "result.json").read_text())
        return found

    def spooled(self, source: str) -> bytes:
        """What the spool still holds of a source."""
        segments = sorted((self.directory / "spool" / source).glob("[0-9]*"))
        return b"".join(segment.read_bytes() for segment in segments)


def start(platform: LauncherPlatform, directory: Path, launch_spec: LaunchSpec | None) -> Launched:
    """Start a launcher as a backend does: claim file, session of its own, output to launcher.log."""
    platform.spec = launch_spec
    directory.mkdir(parents=True, exist_ok=True)
    claim = directory / "claim.json"
    claim.touch(mode=0o600)
    claim.write_text(json.dumps(encode(ClaimFile(platform.url, TOKEN, "w1", str(directory)))))
    with (directory / "launcher.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "prefect_platform.launcher", "--claim", str(claim)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    return Launched(process, directory)


@contextmanager
def launched(
    platform: LauncherPlatform, directory: Path, launch_spec: LaunchSpec | None
) -> Iterator[Launched]:
    """A launcher, which does not outlive the block."""
    launch = start(platform, directory, launch_spec)
    try:
        yield launch
    finally:
        if launch.process.poll() is None:
            launch.process.kill()
        launch.process.wait(END_SECONDS)


def alive(pid: int) -> bool:
    """Whether a process runs: a zombie does not."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:  # noqa: PTH123
            return file.read().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False
