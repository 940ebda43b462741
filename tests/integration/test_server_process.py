"""The server as a process: what it needs, how it ends, and what it refuses to start on."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import pytest

from prefect_platform.backends.local import LocalBackend
from prefect_platform.server.app.application import create_app
from prefect_platform.server.config import ServerConfig
from prefect_platform.server.services.orchestrator_memory import MemoryOrchestrator
from prefect_platform.testing.prefect_server import free_port

RUN = (
    "from prefect_platform.server.app import serve\n"
    "from prefect_platform.server.config import from_environment\n"
    "serve(from_environment())\n"
)
IDLE_MIB = 150
pytestmark = pytest.mark.slow


def environment(data_dir: Path, port: int) -> dict[str, str]:
    return {
        **os.environ,
        "PREFECT_PLATFORM_DATA_DIR": str(data_dir),
        "PREFECT_PLATFORM_PORT": str(port),
        "PREFECT_PLATFORM_BACKEND": "memory",
        "PREFECT_PLATFORM_ORCHESTRATOR_URL": "http://127.0.0.1:1/api",
    }


def start(data_dir: Path, port: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", RUN], env=environment(data_dir, port), stderr=subprocess.PIPE, text=True
    )


def wait_ready(process: subprocess.Popen[str], port: int) -> None:
    deadline = time.monotonic() + 30
    while process.poll() is None and time.monotonic() < deadline:
        try:
            httpx.get(f"http://127.0.0.1:{port}/health", timeout=5).raise_for_status()
        except httpx.TransportError:
            time.sleep(0.02)
        else:
            return
    raise AssertionError("the server did not come up")


@contextmanager
def running(data_dir: Path, port: int) -> Iterator[subprocess.Popen[str]]:
    process = start(data_dir, port)
    try:
        wait_ready(process, port)
        yield process
    finally:
        process.kill()
        process.communicate()


def refused(data_dir: Path, port: int) -> str:
    """What a server that does not start says last."""
    process = start(data_dir, port)
    _, told = process.communicate(timeout=30)
    assert process.returncode != 0
    return told.strip().splitlines()[-1]


def client(data_dir: Path) -> httpx.Client:
    handed = json.loads((data_dir / "bootstrap.json").read_text())
    headers = {"Authorization": f"Bearer {handed['token']}"}
    return httpx.Client(base_url=handed["url"], headers=headers, timeout=10)


def test_it_is_small_answers_and_ends_on_sigterm(tmp_path: Path) -> None:
    with running(tmp_path / "data", free_port()) as process, client(tmp_path / "data") as http:
        assert http.get("/api/v1/projects").status_code == 200
        ready = http.get("/ready").json()
        assert [(one["name"], one["ok"]) for one in ready["checks"]] == [
            ("database", True),
            ("prefect", False),
        ]
        assert psutil.Process(process.pid).memory_info().rss < IDLE_MIB << 20
        process.send_signal(signal.SIGTERM)
        _, told = process.communicate(timeout=5)
    assert process.returncode == 0
    assert "listening url=http://127.0.0.1:" in told
    assert "Traceback" not in told


def test_an_open_long_poll_does_not_hold_it_up(tmp_path: Path) -> None:
    with running(tmp_path / "data", free_port()) as process, client(tmp_path / "data") as http:
        made = http.post("/api/v1/projects/default/agents", json={"name": "first"}).json()
        agent = {"Authorization": f"Bearer {made['token']}"}
        cursor = http.get("/api/v1/agents/self/work", headers=agent).json()["cursor"]
        port = http.base_url.port
        with socket.create_connection(("127.0.0.1", port or 80)) as poll:
            poll.sendall(
                f"GET /api/v1/agents/self/work?after={cursor}&wait=30 HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
                f"Authorization: {agent['Authorization']}\r\n\r\n".encode()
            )
            assert http.get("/health").status_code == 200  # the poll was sent before, and is being served
            began = time.monotonic()
            process.send_signal(signal.SIGTERM)
            process.wait(10)
        assert time.monotonic() - began < 5
        assert process.returncode == 0


def test_a_killed_server_leaves_everything_to_the_next(tmp_path: Path) -> None:
    data, port = tmp_path / "data", free_port()
    with running(data, port) as process, client(data) as http:
        http.post("/api/v1/projects", json={"name": "kept"})
        process.kill()
        process.wait()
    with running(data, port), client(data) as http:
        assert http.get("/api/v1/projects/kept").status_code == 200


def test_a_second_server_on_the_same_data_is_refused(tmp_path: Path) -> None:
    with running(tmp_path / "data", free_port()) as process:
        told = refused(tmp_path / "data", free_port())
    assert f"(process {process.pid}) uses {tmp_path / 'data'}" in told


def test_a_taken_port_is_told(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        told = refused(tmp_path / "data", port)
    assert f"Port {port} of 127.0.0.1 is taken" in told
    assert "PREFECT_PLATFORM_PORT" in told


def test_data_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    with running(tmp_path / "data", free_port()):
        pass
    with sqlite3.connect(tmp_path / "data" / "platform.db") as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    database.close()
    assert "at revision 9999, which this version does not know" in refused(tmp_path / "data", free_port())


def test_nobody_else_can_read_what_it_writes(tmp_path: Path) -> None:
    data_dir, previous = tmp_path / "data", os.umask(0)
    try:
        with running(data_dir, free_port()):
            with client(data_dir) as http:
                put = http.put(
                    f"/api/v1/projects/default/bundles/{'c' * 64}",
                    content=b"abc",
                    headers={"Content-SHA256": hashlib.sha256(b"abc").hexdigest()},
                )
            assert put.status_code == 200, put.text
            open_ = [path for path in (data_dir, *data_dir.rglob("*")) if path.stat().st_mode & 0o077]
    finally:
        os.umask(previous)
    assert open_ == []
    assert {"platform.db", "bootstrap.json", "server.lock", ".gitignore"} <= {
        p.name for p in data_dir.iterdir()
    }


@pytest.mark.asyncio
async def test_its_backend_ends_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed, close = [], LocalBackend.close

    async def closing(backend: LocalBackend) -> None:
        closed.append(backend)
        await close(backend)

    monkeypatch.setattr(LocalBackend, "close", closing)
    app = create_app(ServerConfig(data_dir=tmp_path, backend="local"), orchestrator=MemoryOrchestrator())
    async with app.router.lifespan_context(app):
        assert closed == []
    assert len(closed) == 1
