"""A child that is not the engine, from its start to its end: a start script, or a program that builds.

The launcher stays at hand meanwhile: when its own end is asked for, or the child's time is over, the child
and all of its session get SIGTERM, and after their grace SIGKILL.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from prefect_platform.launcher.faults import EnvironmentFault
from prefect_platform.launcher.linux import descendants
from prefect_platform.launcher.output import Output
from prefect_platform.launcher.process import Exit, reap, send
from prefect_platform.launcher.signals import Signals
from prefect_platform.launcher.source import Source
from prefect_platform.launcher.timeout import Deadline

AGAIN_SECONDS = 0.5
DRAIN_SECONDS = 5.0


def attend(pid: int, signals: Signals, grace_seconds: float, deadline: Deadline | None = None) -> Exit:
    """Wait for a child that leads its session. It is ended when the end is asked for, or at `deadline`."""
    deadline = deadline or Deadline(None)
    kill_at = float("inf")
    asked = False
    while (end := reap(pid)) is None:
        now = time.monotonic()
        if not asked and (signals.stop_reason is not None or deadline.passed):
            asked, kill_at = True, now + grace_seconds
            _signal_group(pid, signal.SIGTERM)
        elif now >= kill_at:
            kill_at = now + AGAIN_SECONDS
            _kill(pid)
        due = max(0.0, kill_at - time.monotonic()) if asked else deadline.due_in()
        signals.sleep(min(3600.0, due))
    return end


def run(
    command: Sequence[str],
    environment: Mapping[str, str],
    directory: Path,
    source: Source,
    signals: Signals,
    *,
    keep: Sequence[int] = (),
) -> Exit:
    """Run a program to its end; what it writes goes to `source`. It inherits the descriptors `keep`.

    Raises:
        EnvironmentFault: it cannot be started.
    """
    output = Output(source)
    try:
        process = subprocess.Popen(
            command, env=dict(environment), cwd=directory, stdin=subprocess.DEVNULL,
            stdout=output.write_end, stderr=output.write_end, start_new_session=True, pass_fds=keep,
        )  # fmt: skip
    except OSError as error:
        output.discard()
        raise EnvironmentFault(f"{command[0]} cannot be started: {error}.") from error
    process.returncode = 0  # it is reaped below; Popen would warn, and wait where we do
    output.start()
    end = attend(process.pid, signals, 1.0)
    _signal_group(process.pid, signal.SIGKILL)  # what it left would hold its output, and its locks
    output.finish(DRAIN_SECONDS)
    return end


def _signal_group(pid: int, signum: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signum)


def _kill(pid: int) -> None:
    """Kill it and what is below it, wherever that has put itself."""
    below = descendants(pid)
    _signal_group(pid, signal.SIGKILL)
    for one in (pid, *below):
        send(one, signal.SIGKILL)
