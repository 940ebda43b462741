"""`down`: ask the supervisor to stop as Ctrl-C would, and wait until it is gone."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable

from prefect_platform.cli import output
from prefect_platform.cli.embedded.places import Places
from prefect_platform.cli.embedded.state import State, read_state, running
from prefect_platform.errors import Unavailable

_SECONDS = 120.0
_HURRIED = 1.0


def stop_running(places: Places, *, now: bool = False) -> str:
    """Stop what runs below `places`; what was done, in words. Nothing runs: nothing is done.

    Raises:
        Unavailable: it is still there after two minutes.
    """
    state = running(read_state(places))
    if state is None:
        return f"No platform runs in {places.data}."
    began = time.monotonic()
    gone = _gone(state)
    state.supervisor.process.send(signal.SIGINT)
    if now and not _until(gone, _HURRIED):
        state.supervisor.process.send(signal.SIGINT)
    if not _until(gone, _SECONDS):
        raise Unavailable(
            f"Process {state.supervisor.pid} has not stopped after {_SECONDS:g} s. "
            f"`kill -9 {state.supervisor.pid}` ends it and its parts; flows that run go on."
        )
    return f"Stopped after {output.duration(time.monotonic() - began)}."


def _gone(state: State) -> Callable[[], bool]:
    return lambda: not state.supervisor.process.alive


def _until(look: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not look():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
