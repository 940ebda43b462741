"""The flow that writes while it or something around it is killed, and what it notes beside its log.

The journal is a file of its own, changed with one `pwrite` after every `write`, so it is true whatever
is killed: bytes noted there were taken by the pipe, and bytes of one `write` may be ahead of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from struct import Struct

LINE_BYTES = 64
WRITE_LINES = (1, 20, 2000)
"""Lines of one write: a trickle, a stream, and more than a pipe holds."""
PAUSES = {1: 0.02, 20: 0.002, 2000: 0.05}
RECORD = Struct("<QQ")

FLOW = r"""
import os
import struct
import subprocess
import time

from prefect import flow


@flow
def writer(journals: str, seconds: float, lines: int, pause: float) -> None:
    subprocess.Popen(["sleep", "600"], start_new_session=True)  # must be gone at the end, too
    name = os.environ["PREFECT_PLATFORM_WORKLOAD_ID"]
    journal = os.open(os.path.join(journals, name), os.O_RDWR | os.O_CREAT)
    taken, n, end = 0, 0, time.monotonic() + seconds
    while time.monotonic() < end:
        view = memoryview(b"".join(b"%012d %s\n" % (n + i, b"." * 50) for i in range(lines)))
        n += lines
        while view:
            done = os.write(1, view)
            view, taken = view[done:], taken + done
            os.pwrite(journal, struct.pack("<QQ", taken, 0), 0)
        time.sleep(pause)
    os.pwrite(journal, struct.pack("<QQ", taken, 1), 0)
"""


@dataclass(frozen=True)
class Journal:
    """What a run noted: bytes that its pipe took, and whether it came to its end."""

    taken: int = 0
    done: bool = False

    @classmethod
    def read(cls, folder: Path, workload_id: str) -> Journal:
        """Of a workload; an empty one if the flow did not get so far."""
        try:
            data = (folder / workload_id).read_bytes()
        except FileNotFoundError:
            return cls()
        return cls() if len(data) < RECORD.size else cls(*_fields(data))


def _fields(data: bytes) -> tuple[int, bool]:
    taken, done = RECORD.unpack(data[: RECORD.size])
    return taken, bool(done)


def written(count: int) -> bytes:
    """The first `count` bytes that every writer writes."""
    lines = -(-count // LINE_BYTES)
    return b"".join(b"%012d %s\n" % (n, b"." * 50) for n in range(lines))[:count]
