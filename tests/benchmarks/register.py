"""`make bench-register`: a flow of a notebook cell through `register`, a file through stock `deploy`.

Both in one real kernel each, interleaved, against the same Prefect server. Also what an import and a
`--help` cost in a fresh process.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from jupyter_client.manager import start_new_kernel

from prefect_platform.testing.embedded import Embedded, embedded
from tests.benchmarks.measure import Figure, report

ROUNDS = 12
WARM_UP = 1

OURS = """
import json, time
from prefect import flow, task
from prefect_platform import register

FACTOR = {n}

@task(retries=2)
def scale(x: int) -> int:
    return x * FACTOR

@flow(name="bench-{n}")
def bench(x: int = 1) -> int:
    return scale(x)
"""
REGISTER = """
import contextlib, io
_shown = io.StringIO()
_start = time.perf_counter()
with contextlib.redirect_stdout(_shown):
    register(bench, name="nightly", cron="0 2 * * *")
print(json.dumps(1000 * (time.perf_counter() - _start)))
"""
STOCK = """
import asyncio, contextlib, io, json, sys, time, warnings
from prefect import flow as _flow
_shown = io.StringIO()
_start = time.perf_counter()
with contextlib.redirect_stdout(_shown):
    _loaded = await _flow.from_source({folder!r}, entrypoint="bench_{n}.py:bench")
    await _loaded.deploy(name="stock", work_pool_name="stock", cron="0 2 * * *", print_next_steps=False)
print(json.dumps(1000 * (time.perf_counter() - _start)))
"""
STOCK_FILE = """
from prefect import flow, task

@task(retries=2)
def scale(x: int) -> int:
    return x * {n}

@flow(name="stock-{n}")
def bench(x: int = 1) -> int:
    return scale(x)
"""


class Kernel:
    """One real notebook kernel."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.manager, self.client = start_new_kernel(env=environment)

    def run(self, code: str) -> Any:
        """Execute a cell; the JSON it printed last, or nothing."""
        lines: list[str] = []

        def hook(message: dict[str, Any]) -> None:
            content = message["content"]
            if message["msg_type"] == "stream" and content["name"] == "stdout":
                lines.extend(content["text"].splitlines())
            if message["msg_type"] == "error":
                raise RuntimeError("\n".join(content["traceback"]))

        self.client.execute_interactive(code, timeout=120, output_hook=hook)
        return json.loads(lines[-1]) if lines else None

    def close(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


def registrations(platform: Embedded, folder: Path) -> list[Figure]:
    new = Figure("register_new_ms", "ms", "<= 400")
    unchanged = Figure("register_unchanged_ms", "ms", "<= 150")
    api = platform.prefect_api
    subprocess.run(
        [sys.executable, "-m", "prefect", "work-pool", "create", "stock", "--type", "process"],
        env=platform.environment | {"PREFECT_API_URL": api},
        check=True,
        capture_output=True,
    )
    ours = Kernel(platform.environment)
    stock = Kernel(platform.environment | {"PREFECT_API_URL": api})
    try:
        for n in range(ROUNDS + WARM_UP):
            (folder / f"bench_{n}.py").write_text(STOCK_FILE.format(n=n))
            ours.run(OURS.format(n=n))
            for figure in (new, unchanged):
                mine, theirs = ours.run(REGISTER), stock.run(STOCK.format(folder=str(folder), n=n))
                if n >= WARM_UP:
                    figure.ours.append(mine)
                    figure.stock.append(theirs)
    finally:
        ours.close()
        stock.close()
    return [new, unchanged]


def timed(*command: str) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - start


def imports() -> list[Figure]:
    """A fresh process that imports, less one that does nothing; and `--help` as a whole process."""
    ours = Figure("import_s", "s", "< 0.1")
    shown = Figure("help_s", "s", "< 0.25")
    bare = [sys.executable, "-c", "pass"]
    for _ in range(ROUNDS):
        nothing = timed(*bare)
        ours.ours.append(timed(sys.executable, "-c", "import prefect_platform") - nothing)
        ours.stock.append(timed(sys.executable, "-c", "import prefect") - nothing)
        shown.ours.append(timed(str(Path(sys.executable).with_name("prefect-platform")), "--help"))
        shown.stock.append(timed(str(Path(sys.executable).with_name("prefect")), "--help"))
    return [ours, shown]


def main() -> None:
    with (
        tempfile.TemporaryDirectory(prefix="bench-register-") as folder,
        embedded(Path(folder) / "home") as platform,
    ):
        sources = Path(folder) / "stock"
        sources.mkdir()
        figures = registrations(platform, sources)
    report("register", figures + imports())


if __name__ == "__main__":
    main()
