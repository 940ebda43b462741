"""What a git source that is already mirrored adds to a start: `git_cached_ms`."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

from prefect_platform.launcher.git_source import Source
from prefect_platform.wire.launch import GitSource
from tests.benchmarks.measure import Figure, report
from tests.interrupts import Quiet
from tests.repositories import repository

ROUNDS = int(os.environ.get("ROUNDS", "20"))
FILES, BYTES = 100, 4096
"""A project of 100 files, 0.4 MB. Nearly all of the time is the file system's, which makes these files."""


def figures() -> list[Figure]:
    """Fetch a commit once, then write it out for run after run."""
    cached = Figure("git_cached_ms", "ms", "<= 200")
    with tempfile.TemporaryDirectory() as folder:
        content: dict[str, str | bytes] = {
            f"package_{n % 20}/module_{n}.py": os.urandom(BYTES // 2).hex() for n in range(FILES)
        }
        there = repository(Path(folder) / "there", content)
        wanted = GitSource(str(there.path), there.git("rev-parse", "HEAD"), local=True)
        provide(wanted, Path(folder), 0)
        cached.ours += [provide(wanted, Path(folder), number) for number in range(1, ROUNDS + 1)]
    return [cached]


def provide(wanted: GitSource, folder: Path, number: int) -> float:
    """Milliseconds until every file of the commit is there and checked."""
    directory, quiet = folder / f"run-{number}", Quiet()
    directory.mkdir()
    began = time.perf_counter()
    written = Source(wanted, directory, folder / "shared", os.environ, quiet).provide(
        directory / "code", print
    )
    took = (time.perf_counter() - began) * 1000
    quiet.close()
    assert written.files == FILES
    return took


if __name__ == "__main__":
    report("promises_sources", figures())
