"""The pull step against a server that answers in every way: right, altered, refused, and late."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from prefect_platform.errors import DigestMismatch, NotSignedIn, Unavailable
from prefect_platform.flows.bundle import build
from prefect_platform.flows.capture.captured import Captured, Entry
from prefect_platform.flows.storage import pull_bundle
from prefect_platform.wire.flows import CodeKind


class Platform:
    """Answers a request for a bundle with the next of `answers`, the last of them for ever."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, bytes]] = []
        self.tokens: list[str] = []


@pytest.fixture
def platform() -> Iterator[tuple[Platform, str]]:
    state = Platform()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.tokens.append(self.headers["Authorization"])
            status, body = state.answers.pop(0) if len(state.answers) > 1 else state.answers[0]
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield state, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def bundle(tmp_path: Path) -> tuple[bytes, str]:
    made = build(
        Captured(CodeKind.FILES, "a.py:f", "", (Entry.of_bytes("a.py", b"x = 1"),)), tmp_path / "b.zip"
    )
    return made.path.read_bytes(), made.sha256


def pull(url: str, sha256: str, folder: Path) -> Path:
    return Path(pull_bundle(url, "fv-1", sha256, "secret", str(folder / "code"))["directory"])


def test_it_unpacks(platform: tuple[Platform, str], bundle: tuple[bytes, str], tmp_path: Path) -> None:
    state, url = platform
    state.answers = [(503, b""), (200, bundle[0])]
    assert (pull(url, bundle[1], tmp_path) / "a.py").read_text() == "x = 1"
    assert state.tokens == ["Bearer secret"] * 2, "a passing failure is tried again"
    assert {path.name for path in tmp_path.iterdir()} == {"b.zip", "code"}


def test_a_bundle_altered_on_disk(
    platform: tuple[Platform, str], bundle: tuple[bytes, str], tmp_path: Path
) -> None:
    platform[0].answers = [(200, bundle[0] + b"x")]
    with pytest.raises(DigestMismatch, match="not the one that was registered"):
        pull(platform[1], bundle[1], tmp_path)
    assert not (tmp_path / "code").exists()


def test_a_refused_token(platform: tuple[Platform, str], tmp_path: Path) -> None:
    platform[0].answers = [(401, b"")]
    with pytest.raises(NotSignedIn, match="401"):
        pull(platform[1], hashlib.sha256().hexdigest(), tmp_path)


@pytest.mark.slow
def test_a_platform_that_is_down(platform: tuple[Platform, str], tmp_path: Path) -> None:
    platform[0].answers = [(502, b"<html>")]
    with pytest.raises(Unavailable, match="it answers 502"):
        pull(platform[1], "0" * 64, tmp_path)
