"""One part as a process: its own group, its output in a bounded file, dead when the supervisor is."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from prefect_platform.cli.embedded.places import private
from prefect_platform.cli.embedded.state import PartState, part_of

_PR_SET_PDEATHSIG = 1
LOG_BYTES = 16 << 20
"""Size at which a part's output is moved aside; one older file is kept."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 10.0
_SOUND = 5.0
"""A part that has lived so long, in seconds, starts again at once if it ends."""


@dataclass(frozen=True)
class Part:
    """What to start."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path


class Child:
    """A part and, while it lives, its process."""

    def __init__(self, part: Part) -> None:
        self.part = part
        self.restarts = -1
        self.answered = False
        """Whether it has ever done what it is for."""
        self.due = 0.0
        """When to start it again, on the monotonic clock."""
        self.last_code: int | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._began = 0.0
        self._since = 0.0
        self._pause = _FIRST_PAUSE

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        rotate(self.part.log)
        supervisor = os.getpid()
        libc = ctypes.CDLL(None, use_errno=True)

        def tie() -> None:
            """In the child, before it becomes the part: end with the supervisor, even by `kill -9`."""
            libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != supervisor:
                os._exit(1)

        with open(self.part.log, "ab", opener=private) as log:
            self._process = subprocess.Popen(
                list(self.part.command),
                env=dict(self.part.environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                process_group=0,
                preexec_fn=tie,  # noqa: PLW1509 - the supervisor has one thread
            )
        self.restarts += 1
        self._began, self._since = time.monotonic(), time.time()

    def state(self) -> PartState | None:
        if not self.alive or self._process is None:
            return None
        return part_of(self._process.pid, self._since, restarts=self.restarts, log=str(self.part.log))

    def ended(self) -> int | None:
        """The exit code (negative: signal), once, when the process has ended; sets when it is due again."""
        if self._process is None or (code := self._process.poll()) is None:
            return None
        self.signal(signal.SIGKILL)  # what it may have left of its group
        self._process, self.last_code = None, code
        lived = time.monotonic() - self._began
        self._pause = _FIRST_PAUSE if lived > _SOUND else min(_LONGEST_PAUSE, self._pause * 2)
        self.due = time.monotonic() + self._pause
        return code

    def signal(self, number: signal.Signals) -> None:
        """Signal the whole group of the part, if there is still one."""
        if self._process is None:
            return
        try:
            os.killpg(self._process.pid, number)
        except ProcessLookupError:
            return

    def wait(self, seconds: float) -> bool:
        """Whether it has ended within `seconds`."""
        if self._process is None:
            return True
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def last_words(self, lines: int = 12) -> list[str]:
        """The end of its output, for people."""
        try:
            text = self.part.log.read_bytes()[-16384:].decode("utf-8", "replace")
        except FileNotFoundError:
            return []
        return [line for line in text.splitlines() if line.strip()][-lines:]

    def bound_log(self) -> None:
        """Keep the output file below its bound while the process writes on."""
        log = self.part.log
        if log.exists() and log.stat().st_size > LOG_BYTES:
            shutil.copy(log, _older(log))
            os.truncate(log, 0)  # it is open for appending: the next line goes to the beginning


def rotate(log: Path) -> None:
    """Begin a fresh output file, keeping the one before."""
    if log.exists():
        log.replace(_older(log))


def _older(log: Path) -> Path:
    return log.with_name(f"{log.name}.1")
