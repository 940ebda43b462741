"""A scheduler and workers as processes of their own, which a test may kill. No nanny brings one back."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from prefect_platform.testing.prefect_server import free_port


class DaskProcesses:
    def __init__(self, directory: Path, workers: int = 2) -> None:
        self._directory = directory
        port = free_port()
        self.address = f"tcp://127.0.0.1:{port}"
        self._scheduler = self._start(
            "scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard"
        )
        self._workers = [self._worker() for _ in range(workers)]

    def _start(self, what: str, *arguments: str) -> subprocess.Popen[bytes]:
        root = Path(__file__).parents[1]
        return subprocess.Popen(
            [sys.executable, "-m", f"distributed.cli.dask_{what}", *arguments],
            cwd=self._directory,
            env=os.environ | {"PYTHONPATH": str(root)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def _worker(self) -> subprocess.Popen[bytes]:
        return self._start("worker", self.address, "--no-dashboard", "--no-nanny", "--nthreads", "1")

    def add_worker(self) -> None:
        self._workers.append(self._worker())

    def kill_scheduler(self) -> None:
        self._scheduler.kill()

    def kill_workers(self) -> None:
        for worker in self._workers:
            worker.kill()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for process in (self._scheduler, *self._workers):
            process.kill()
        for process in (self._scheduler, *self._workers):
            process.wait()
