"""How far the log of a worker goes: what its tasks have printed may still be on its way to the platform.

A worker's process looks at both ends of that way on its own machine: the pipe that its output goes to, and
the spool in which its launcher keeps what it has read.
"""

from __future__ import annotations

import array
import asyncio
import fcntl
import os
import stat
import sys
import termios
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from prefect_platform.dask_cluster.member import SPOOL, group_of

OPERATION = "prefect_platform_printed"
ANSWER_SECONDS = 2.0
"""A worker that holds its event loop for longer is not waited for."""
LOOK_SECONDS = 0.005
STDOUT = 1


def dask_setup(worker: Any) -> None:
    """What Dask calls in every process of a worker: from now on that answers with the worker's name and the
    size of its log, once that has what was printed."""

    async def tell() -> tuple[str, int]:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        return group_of(worker.name), await size(Path(os.environ[SPOOL]))

    worker.handlers[OPERATION] = tell


async def size(spool: Path) -> int:
    """The size of the log in this spool, once nothing stands in the pipe before it. Bytes are between the two
    for a moment, so it must be the same twice. Of a worker that prints without a pause it is what is there
    when nobody waits for it any more."""
    before, deadline = -1, time.monotonic() + ANSWER_SECONDS
    while True:
        empty, now = not _unread(STDOUT), spooled(spool)
        if (empty and now == before) or time.monotonic() >= deadline:
            return now
        before = now if empty else -1
        await asyncio.sleep(LOOK_SECONDS)


def _unread(descriptor: int) -> int:
    """How much stands in a pipe, from its write end; nothing where it is none."""
    if not stat.S_ISFIFO(os.fstat(descriptor).st_mode):
        return 0
    told = array.array("i", [0])
    fcntl.ioctl(descriptor, termios.FIONREAD, told)
    return told[0]


def spooled(spool: Path) -> int:
    """The offset behind the last byte that a launcher has written here."""
    segments = sorted(spool.glob("[0-9]*"))
    if not segments:
        return 0
    try:
        return int(segments[-1].name) + segments[-1].stat().st_size
    except FileNotFoundError:  # the platform has just acknowledged it
        return spooled(spool)


async def printed(scheduler: Any) -> Mapping[str, int]:
    """The size of each worker's log with all that it has printed, by the worker's name. `scheduler` is the
    connection to it. Where one does not answer in time, all logs are read as they are; a worker that answers
    otherwise, as one of another version does, is left out."""
    asked = scheduler.broadcast(msg={"op": OPERATION}, on_error="ignore")
    try:
        answers = await asyncio.wait_for(asked, ANSWER_SECONDS)
    except (TimeoutError, OSError):  # a worker or the scheduler is stuck or gone: the log is read as it is
        return {}
    sizes: dict[str, int] = {}
    for answer in answers.values():
        match answer:
            case (str(name), int(end)):
                sizes[name] = max(end, sizes.get(name, 0))
    return sizes
