from __future__ import annotations

import os
import threading
from contextlib import suppress
from pathlib import Path

from prefect_platform.launcher.output import Output
from prefect_platform.launcher.redaction import Redaction
from prefect_platform.launcher.source import Source
from prefect_platform.launcher.spool import Spool

MOST_LOST = 64 << 10


class Stuck(Source):
    """Takes a chunk, and is killed before it has put it on the disk."""

    def __init__(self, directory: Path) -> None:
        super().__init__(
            "flow", Spool(directory, 1 << 20), Redaction(["secret"]).stream(), 1 << 20, lambda: None
        )
        self.read, self.go_on = threading.Event(), threading.Event()
        self.taken = b""

    def write(self, data: bytes) -> None:
        self.taken += data
        self.read.set()
        self.go_on.wait()


def fill(descriptor: int, data: bytes) -> int:
    """Write until nothing more is taken; how much was."""
    os.set_blocking(descriptor, False)
    taken = 0
    with suppress(BlockingIOError):
        while True:
            taken += os.write(descriptor, data)
    return taken


def test_a_run_is_never_more_than_64_kib_ahead_of_the_disk(tmp_path: Path) -> None:
    source = Stuck(tmp_path / "flow")
    output = Output(source)
    writer = os.dup(output.write_end)
    ahead = fill(writer, b"x" * 1000)
    output.start()
    assert source.read.wait(10)
    ahead += fill(writer, b"x" * 1000)
    os.close(writer)
    assert 32 << 10 < ahead <= MOST_LOST - (8 << 10)  # the masking may hold back the rest
    source.go_on.set()
    assert output.finish(10)
    assert source.taken == b"x" * ahead
