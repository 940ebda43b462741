"""A real Prefect server for tests, started once and shared by every process of a test session.

Whoever uses it holds a shared lock on a file. A guardian process holds the server; when nobody holds
the lock any more, however they ended, it stops the server.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

START_SECONDS = 90.0
GUARD_SECONDS = 0.5
_AUTH = "PREFECT_SERVER_API_AUTH_STRING"


@contextmanager
def shared_prefect_server(directory: Path, auth_string: str | None = None) -> Iterator[str]:
    """The API URL of a Prefect server that lives as long as somebody uses `directory`. With `auth_string`
    (`user:password`) it lets nobody else in."""
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "users.lock").open("w") as users, (directory / "start.lock").open("w") as starting:
        fcntl.flock(starting, fcntl.LOCK_EX)
        fcntl.flock(users, fcntl.LOCK_SH)
        state = directory / "server.json"
        if not state.exists():
            _start_guardian(directory, auth_string)
        fcntl.flock(starting, fcntl.LOCK_UN)
        url = json.loads(state.read_text(encoding="utf-8"))["url"]
        _wait(f"{url}/health", directory)
        yield url


def _start_guardian(directory: Path, auth_string: str | None) -> None:
    port = free_port()
    with (directory / "guardian.log").open("wb") as log:
        subprocess.Popen(
            [sys.executable, "-m", __name__, str(directory), str(port)],
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            env={**os.environ, **({_AUTH: auth_string} if auth_string else {})},
        )
    state = {"url": f"http://127.0.0.1:{port}/api"}
    (directory / "server.json").write_text(json.dumps(state), encoding="utf-8")


def free_port() -> int:
    """A loopback port that nobody listens on now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def environment(home: Path, port: int) -> dict[str, str]:
    """The environment of a Prefect server that keeps to itself: own home, no telemetry, loopback."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    return inherited | {
        "DO_NOT_TRACK": "1",
        "PREFECT_HOME": str(home),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_UI_API_URL": f"http://127.0.0.1:{port}/api",
        "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
    }


def _wait(url: str, directory: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not _answers(url):
        if time.monotonic() > deadline:
            log = (directory / "guardian.log").read_text(encoding="utf-8", errors="replace")
            raise TimeoutError(f"Prefect did not start within {START_SECONDS} s:\n{log[-2000:]}")
        time.sleep(0.1)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - a loopback address
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _guard(directory: Path, port: int) -> None:
    server = subprocess.Popen(
        [
            *(sys.executable, "-m", "prefect_platform.agent.prefect_server", "server", "start"),
            *("--host", "127.0.0.1", "--port", str(port), "--no-ui"),
        ],
        env=environment(directory / "home", port)
        | ({_AUTH: os.environ[_AUTH]} if _AUTH in os.environ else {}),
        stdin=subprocess.DEVNULL,
    )
    with (directory / "users.lock").open("w") as users:
        while server.poll() is None and not _alone(users):
            time.sleep(GUARD_SECONDS)
        (directory / "server.json").unlink(missing_ok=True)
    server.send_signal(signal.SIGTERM)
    try:
        server.wait(10)
    except subprocess.TimeoutExpired:
        server.kill()


def _alone(users: object) -> bool:
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)  # type: ignore[arg-type]
    except BlockingIOError:
        return False
    return True


if __name__ == "__main__":
    _guard(Path(sys.argv[1]), int(sys.argv[2]))
