"""A short question to a program: what it answers, within its time, and nothing of it left behind.

The launcher stays at hand meanwhile: when its own end is asked for, the program is killed at once, since a
question has nothing to bring to an end. So is all of its session, however it ends.
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from prefect_platform.launcher.linux import descendants
from prefect_platform.launcher.process import KILL_SECONDS, send
from prefect_platform.launcher.signals import Interrupts

WAKE_SECONDS = 0.5
"""The end of a child and a wish to end wake at once; where that is missed, looking again does."""
MAX_ANSWER = 4 << 20
MAX_WORDS = 64 << 10


@dataclass(frozen=True)
class Answer:
    """What a program said before it ended."""

    said: bytes
    """What it wrote to its standard output."""
    words: str
    """The end of what it wrote to its standard error."""
    code: int
    """Its exit status; negative for a signal."""

    @property
    def why(self) -> str:
        """Why it failed, for people: in its own words if it had any."""
        how = f"was killed by {_signal(-self.code)}" if self.code < 0 else f"has exit status {self.code}"
        return self.words or f"it {how}, and said nothing"


def ask(
    command: Sequence[str],
    directory: Path,
    environment: Mapping[str, str],
    interrupts: Interrupts,
    seconds: float,
) -> Answer:
    """Start a program and wait for its end. What it writes goes to files, so it never waits for a reader.

    Raises:
        Stopped: the end of the start was asked for.
        TimeoutError: it was still running after so many seconds.
        OSError: it cannot be started.
    """
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as words:
        process = subprocess.Popen(
            command, cwd=directory, env=dict(environment), stdin=subprocess.DEVNULL,
            stdout=said, stderr=words, start_new_session=True,
        )  # fmt: skip
        try:
            code = _wait(process, interrupts, time.monotonic() + seconds)
        finally:
            _end(process)
        if code is None:
            raise TimeoutError(f"it did not answer within {seconds:g} s")
        return Answer(_read(said, 0, MAX_ANSWER), _tail(words).decode("utf-8", "replace").strip(), code)


def _wait(process: subprocess.Popen[bytes], interrupts: Interrupts, deadline: float) -> int | None:
    """Its exit status; None once its time is over."""
    while (code := process.poll()) is None:
        interrupts.check()
        left = deadline - time.monotonic()
        if left <= 0:
            return None
        interrupts.sleep(min(left, WAKE_SECONDS))
    return code


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill what is left of it. One that hangs in the kernel, as with a driver, is waited for no longer than
    is of use."""
    below = descendants(process.pid)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    for pid in below:
        send(pid, signal.SIGKILL)
    try:
        process.wait(KILL_SECONDS)
    except subprocess.TimeoutExpired:
        process.returncode = -signal.SIGKILL  # nobody can wait for it; Popen would warn


def _read(file: IO[bytes], start: int, most: int) -> bytes:
    file.seek(start)
    return file.read(most)


def _tail(file: IO[bytes]) -> bytes:
    return _read(file, max(0, file.seek(0, os.SEEK_END) - MAX_WORDS), MAX_WORDS)


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal
        return f"signal {number}"
