"""A whole platform on this machine for a test or benchmark: `prefect-platform up` as a user starts it.

Everything is real: Prefect server, platform, agent, processes. Data and profile live below the
directory given, so nothing of the user's own platform is touched.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from prefect_platform.launcher.linux import die_with_parent

if TYPE_CHECKING:
    from prefect_platform.client.api import PlatformClient

Found = TypeVar("Found")
START_SECONDS = 120.0
STOP_SECONDS = 60.0


def until(look: Callable[[], Found | None], seconds: float, what: str) -> Found:
    """What `look` finds, asked again and again until it is true.

    Raises:
        TimeoutError: nothing was found in `seconds`; the message says what was waited for.
    """
    deadline = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds:g} s for {what}")
        time.sleep(0.02)
    return found


@dataclass
class Embedded:
    """One running platform."""

    home: Path
    environment: dict[str, str]
    process: subprocess.Popen[bytes]

    @property
    def data(self) -> Path:
        return self.home / "data"

    @property
    def profile(self) -> dict[str, str]:
        path = self.home / "config" / "prefect-platform" / "profile.json"
        found: dict[str, str] = json.loads(path.read_text())
        return found

    @property
    def state(self) -> dict[str, Any]:
        """What `up` wrote about its parts."""
        found: dict[str, Any] = json.loads((self.data / "up.json").read_text())
        return found

    @property
    def output(self) -> str:
        """What `up` has printed so far."""
        return (self.home / "up.log").read_text()

    def client(self) -> PlatformClient:
        from prefect_platform.client.settings import connect

        return connect(url=self.profile["url"], token=self.profile["token"])

    @property
    def prefect_api(self) -> str:
        return self.client().projects.get("default").orchestrator_url

    def ready(self) -> bool:
        """Whether `up` said that everything answers."""
        if self.process.poll() is not None:
            raise RuntimeError(f"`prefect-platform up` ended with {self.process.returncode}:\n{self.output}")
        return "Ready" in self.output

    def stop(self) -> int:
        """Ctrl-C, and wait until nothing is left. Returns the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        return self.process.wait(STOP_SECONDS)


@contextmanager
def embedded(home: Path, *, environment: Mapping[str, str] | None = None) -> Iterator[Embedded]:
    """Start a platform below `home`, wait until it is ready, and stop it at the end."""
    platform = launch(home, environment=environment)
    try:
        until(platform.ready, START_SECONDS, f"`prefect-platform up` to be ready; see {home}/up.log")
        yield platform
    finally:
        platform.stop()


def launch(home: Path, *, environment: Mapping[str, str] | None = None) -> Embedded:
    """Start `prefect-platform up` below `home` and return at once."""
    home.mkdir(parents=True, exist_ok=True)
    env = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT")}
    env |= {
        "PREFECT_PLATFORM_HOME": str(home / "data"),
        "XDG_CONFIG_HOME": str(home / "config"),
        "DO_NOT_TRACK": "1",
        **(environment or {}),
    }
    with (home / "up.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "prefect_platform", "up"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=env,
            start_new_session=True,
            # A test run that is killed must not leave a platform behind.
            preexec_fn=partial(die_with_parent, signal.SIGINT),  # noqa: PLW1509
        )
    return Embedded(home, env, process)
