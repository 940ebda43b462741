"""What a small result costs: one that is written, and one that is read, over loopback to a server process.

Stock Prefect keeps results as files on the machine of the run, so its figures are those of a local file.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import httpx
from prefect.filesystems import LocalFileSystem

from prefect_platform.flows.results import PlatformResults
from prefect_platform.testing.embedded import until
from tests.benchmarks.measure import Figure, report

ROUNDS = 200
WARM_UP = 20
SIZE = 1000
START_SECONDS = 60.0


def figures() -> list[Figure]:
    write = Figure("result_write_ms", "ms", "<= 10")
    read = Figure("result_read_ms", "ms", "<= 10")
    with tempfile.TemporaryDirectory() as directory, _platform(Path(directory) / "data"):
        ours, stock = PlatformResults(project="default"), LocalFileSystem(basepath=f"{directory}/stock")
        for number in range(WARM_UP + ROUNDS):
            key, data = f"key-{number}", os.urandom(SIZE)
            samples = {
                "write.ours": _milliseconds(partial(ours.write_path, key, data, _sync=True)),
                "read.ours": _milliseconds(partial(ours.read_path, key, _sync=True)),
                "write.stock": _milliseconds(partial(stock.write_path, key, data, _sync=True)),
                "read.stock": _milliseconds(partial(stock.read_path, key, _sync=True)),
            }
            if number >= WARM_UP:
                write.ours.append(samples["write.ours"])
                write.stock.append(samples["write.stock"])
                read.ours.append(samples["read.ours"])
                read.stock.append(samples["read.stock"])
    return [write, read]


def _milliseconds(act: Callable[[], object]) -> float:
    begun = time.perf_counter()
    act()
    return 1000 * (time.perf_counter() - begun)


@contextmanager
def _platform(data: Path) -> Iterator[None]:
    """A server of its own, and this process signed in to it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = {"DATA_DIR": str(data), "PORT": str(port), "BACKEND": "memory"}
    env = os.environ | {f"PREFECT_PLATFORM_{name}": value for name, value in settings.items()}
    server = subprocess.Popen([sys.executable, "-m", "prefect_platform", "server"], env=env)
    try:
        url = f"http://127.0.0.1:{port}"
        until(lambda: _answers(url), START_SECONDS, "the server")
        os.environ["PREFECT_PLATFORM_URL"] = url
        os.environ["PREFECT_PLATFORM_TOKEN"] = json.loads((data / "bootstrap.json").read_text())["token"]
        yield
    finally:
        server.terminate()
        server.wait()


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health").is_success
    except httpx.TransportError:
        return False


if __name__ == "__main__":
    report("promises_results", figures())
