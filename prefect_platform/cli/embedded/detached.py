"""`up --detach`: the same supervisor in a session of its own, and a wait until it is ready."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from prefect_platform.cli.embedded import words
from prefect_platform.cli.embedded.child import rotate
from prefect_platform.cli.embedded.lock import is_free
from prefect_platform.cli.embedded.places import Places, private
from prefect_platform.cli.embedded.settings import UpSettings
from prefect_platform.cli.embedded.state import read_state, running
from prefect_platform.errors import Conflict, PlatformError, Unavailable

_SECONDS = 180.0


def detach(settings: UpSettings) -> None:
    """Start a supervisor that outlives this process, and print what it says until it is ready.

    Raises:
        Conflict: a platform runs here already.
        PlatformError: it ended before it was ready; the message is its own.
        Unavailable: it was not ready in time; it goes on starting.
    """
    places = Places(settings.data_dir)
    places.make()
    if not is_free(places.lock):
        raise Conflict(words.already_running(running(read_state(places))))
    log = places.logs / "up.log"
    rotate(log)
    with open(log, "wb", opener=private) as file:
        process = subprocess.Popen(
            _command(settings),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    _wait(process, places, log)


def _command(settings: UpSettings) -> list[str]:
    """This call again, in the foreground; what came from the environment is still there."""
    command = [sys.executable, "-m", "prefect_platform", "up", "--grace", str(settings.grace_seconds)]
    for option, value in (("--port", settings.port), ("--prefect-port", settings.prefect_port)):
        command += [] if value is None else [option, str(value)]
    return command + (["--prefect-url", settings.prefect_url] if settings.prefect_url else [])


def _wait(process: subprocess.Popen[bytes], places: Places, log: Path) -> None:
    deadline = time.monotonic() + _SECONDS
    while time.monotonic() < deadline:
        state = read_state(places)
        said = log.read_text(encoding="utf-8")
        ours = state is not None and state.supervisor.pid == process.pid and state.ready_seconds is not None
        if ours and words.LAST in said:  # the page is written a moment after the state
            print(said.replace("Ctrl-C cancels", "`prefect-platform down` cancels"))
            return
        if process.poll() is not None:
            lines = [line for line in log.read_text(encoding="utf-8").splitlines() if line.strip()]
            raise PlatformError("\n".join(lines).removeprefix("Error: ") or f"It ended at once; see {log}.")
        time.sleep(0.05)
    raise Unavailable(f"Not ready after {_SECONDS:g} s; it goes on starting. Its output is in {log}.")
