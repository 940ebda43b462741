"""The platform as a launcher sees it, in one thread of a test, with faults at will.

It keeps the contract of the workload routes: claims by one launcher, appends at the next offset only,
seals by size and SHA-256. It also plays the one route of Prefect that a launcher asks.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, BinaryIO

from prefect_platform import errors
from prefect_platform.wire.launch import LaunchSpec, encode

TOKEN = "pp_workload_" + "Zk3" * 14 + "x"
RANGE = re.compile(r"bytes (\d+)-(\d*)/\*")
HTML = b"<html><body><h1>502 Bad Gateway</h1></body></html>"


class Dropped(Exception):
    """The connection is closed without an answer."""


@dataclass
class Faults:
    """What goes wrong from now on."""

    down: bool = False
    """Every connection is dropped without an answer."""
    html: bool = False
    """Every request is answered 502 with a page of HTML."""
    delay: float = 0.0
    """Seconds before every answer."""
    lost_answers: int = 0
    """So many appends are taken, and their answers lost."""
    refuse: errors.PlatformError | None = None
    """Every append is refused with this."""


@dataclass
class Log:
    """One source as the platform has it."""

    path: Path
    file: BinaryIO
    size: int = 0
    sha256: Any = field(default_factory=hashlib.sha256)
    sealed: bool = False
    times: list[tuple[int, int]] = field(default_factory=list)

    def take(self, data: bytes) -> None:
        self.file.write(data)
        self.file.flush()
        self.sha256.update(data)
        self.size += len(data)

    @property
    def data(self) -> bytes:
        return self.path.read_bytes()


class LauncherPlatform:
    """One platform that knows one workload."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.spec: LaunchSpec | None = None
        self.bundle = b""
        self.flow_run_state: str | None = "PENDING"
        """State type that Prefect tells; none = Prefect answers 503."""
        self.faults = Faults()
        self.stop = False
        self.interval = 0.02
        self.launcher_id: str | None = None
        self.steps: list[dict[str, Any]] = []
        self.promises: list[dict[str, Any]] = []
        self.environment: dict[str, Any] | None = None
        self.result: dict[str, Any] | None = None
        self.renewals = 0
        """How often a file of the program was asked for anew."""
        self.lost_renewals: set[int] = set()
        """Which of those questions get no answer."""
        self.logs: dict[str, Log] = {}
        self.requests: list[tuple[float, str, str]] = []
        self.largest_append = 0
        self.changed = threading.Condition()
        self._server = _Server(self)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def prefect_url(self) -> str:
        return f"{self.url}/prefect/api"

    def log(self, source: str) -> bytes:
        """Everything that has arrived of a source."""
        return self.logs[source].data if source in self.logs else b""

    def step(self, name: str) -> dict[str, Any] | None:
        return next((step for step in self.steps if step["name"] == name), None)

    def wait(self, condition: Callable[[], Any], what: str, seconds: float = 20.0) -> None:
        """Wait until a request has made `condition` true.

        Raises:
            TimeoutError: it was not within `seconds`.
        """
        with self.changed:
            if not self.changed.wait_for(condition, seconds):
                raise TimeoutError(f"waited {seconds:g} s for {what}; steps: {self.steps}")

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> dict[str, Any] | bytes:
        """What the platform answers.

        Raises:
            PlatformError: as the real one would.
            Dropped: a fault.
        """
        self.requests.append((time.time(), method, path))
        if self.faults.down:
            raise Dropped
        if path.startswith("/prefect/api/flow_runs/"):
            return self._flow_run()
        if headers.get("authorization") != f"Bearer {TOKEN}":
            raise errors.NotSignedIn("The platform does not know this token.")
        if path == "/api/v1/flow-versions/v1/bundle":
            return self.bundle
        action = path.removeprefix("/api/v1/workloads/w1/")
        if action.startswith("logs/") and not action.endswith("/seal"):
            return self._append(action.removeprefix("logs/"), headers, body)
        return self._document(action, json.loads(body))

    def _document(self, action: str, document: dict[str, Any]) -> dict[str, Any]:
        if action == "claim":
            return self._claim(document["launcher_id"])
        if action == "steps":
            self.steps.append(document)
        elif action == "promises":
            self.promises = document["promises"]
        elif action == "environment":
            self.environment = document
        elif action == "result":
            self.result = document
        elif action == "renewal":
            return self._renewal()
        elif action.startswith("logs/"):
            self._seal(action.split("/")[1], document)
        else:
            raise errors.NotFound(f"There is no {action}.")
        return {}

    def _renewal(self) -> dict[str, Any]:
        self.renewals += 1
        if self.renewals in self.lost_renewals:
            raise Dropped
        secret = f"renewed-secret-{self.renewals}"
        return {"content": secret, "secrets": [secret]}

    def _flow_run(self) -> dict[str, Any]:
        if self.flow_run_state is None:
            raise errors.Unavailable("Prefect is busy.")
        return {"id": "f1", "state": {"type": self.flow_run_state, "name": self.flow_run_state.title()}}

    def _claim(self, launcher_id: str) -> dict[str, Any]:
        if self.launcher_id not in (None, launcher_id):
            raise errors.AlreadyClaimed("Another launcher has claimed workload w1.")
        self.launcher_id = launcher_id
        if self.spec is None:
            raise errors.NotFound("There is no such workload.")
        return encode(self.spec)

    def _append(self, source: str, headers: dict[str, str], body: bytes) -> dict[str, Any]:
        if self.faults.refuse:
            raise self.faults.refuse
        if source not in self.logs:
            path = self.directory / f"{source}.received"
            self.logs[source] = Log(path, path.open("wb"))
        log, match = self.logs[source], RANGE.fullmatch(headers["content-range"])
        assert match is not None, headers
        start, state = int(match[1]), {"interval": self.interval, "stop": self.stop}
        if start != log.size or log.sealed:
            raise errors.OffsetMismatch(f"{source} ends at {log.size}.", size=log.size, **state)
        assert not body or int(match[2]) == start + len(body) - 1
        self.largest_append = max(self.largest_append, len(body))
        log.take(body)
        for mark in filter(None, headers.get("log-times", "").split(",")):
            offset, _, at = mark.partition(":")
            log.times.append((int(offset), int(at)))
        if self.faults.lost_answers:
            self.faults.lost_answers -= 1
            raise Dropped
        return {"size": log.size, **state}

    def _seal(self, source: str, document: dict[str, Any]) -> None:
        log = self.logs.get(source)
        if document["size"] != (log.size if log else 0):
            raise errors.OffsetMismatch("Not all of it has arrived.", size=log.size if log else 0)
        digest = log.sha256.hexdigest() if log else hashlib.sha256().hexdigest()
        if document["sha256"] != digest:
            raise errors.DigestMismatch(f"{source} has SHA-256 {digest}.")
        if log:
            log.sealed = True

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        for log in self.logs.values():
            log.file.close()

    def serve(self) -> None:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()


@contextmanager
def launcher_platform(directory: Path) -> Iterator[LauncherPlatform]:
    """A platform on a free port of this machine, keeping what it receives below `directory`."""
    directory.mkdir(parents=True, exist_ok=True)
    platform = LauncherPlatform(directory)
    platform.serve()
    try:
        yield platform
    finally:
        platform.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, platform: LauncherPlatform) -> None:
        self.platform = platform
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def _handle(self) -> None:
        platform = self.server.platform
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        if platform.faults.delay:
            time.sleep(platform.faults.delay)
        try:
            if platform.faults.html:
                self._send(502, "text/html", HTML)
                return
            with platform.changed:
                answer = platform.answer(self.command, self.path, headers, body)
            kind, payload = self._encoded(answer)
            self._send(200, kind, payload)
        except errors.PlatformError as error:
            self._send(error.status, "application/problem+json", json.dumps(error.problem()).encode())
        except Dropped:
            self.close_connection = True
        finally:
            with platform.changed:
                platform.changed.notify_all()

    do_GET = do_POST = do_PATCH = _handle  # noqa: N815 - the base class looks for these names

    def _encoded(self, answer: dict[str, Any] | bytes) -> tuple[str, bytes]:
        if isinstance(answer, bytes):
            return "application/octet-stream", answer
        return "application/json", json.dumps(answer).encode()

    def _send(self, status: int, kind: str, payload: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
        """Say nothing: tests look at `requests`."""
