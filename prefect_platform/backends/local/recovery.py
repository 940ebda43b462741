"""What a launcher left on disk: the spool of its logs and the result it wrote down.

The directory belongs to user code too, so nothing in it is trusted: no link is followed, nothing but
plain files is read, and a name that is no source is passed over.

    spool/<source>/              there as soon as bytes of the source may come
    spool/<source>/<20 digits>   bytes of the source from that offset on
    spool/<source>/closed        JSON {"size", "sha256", "left_out"}: the launcher closed the source
    result.json                  a ResultReport, written whole before it is sent
    secret-files.json            files of secrets that the launcher made and has not removed
"""

from __future__ import annotations

import errno
import json
import logging
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from prefect_platform.backends.base import RecoveredEnd, RecoveredLog
from prefect_platform.backends.local.place import RESULT, SPOOL
from prefect_platform.wire.logs import SOURCE

logger = logging.getLogger(__name__)

PIECE = 1 << 20
"""Largest piece of recovered log, in bytes."""
CLOSED = "closed"
LARGEST_RECORD = 1 << 20
"""Bytes that a result or a closing record may have; more is not ours."""
_NOT_THERE = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO}


@dataclass(frozen=True)
class Segment:
    """One file of a spool."""

    path: Path
    offset: int


def sources(directory: Path) -> list[str]:
    """Names of the sources that have a spool, in order."""
    if (directory / SPOOL).is_symlink():
        return []
    try:
        with os.scandir(directory / SPOOL) as entries:
            found = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted(name for name in found if SOURCE.fullmatch(name))


def segments(directory: Path, source: str) -> list[Segment]:
    """The files of one source by rising offset."""
    folder = directory / SPOOL / source
    names = [name for name in os.listdir(folder) if len(name) == 20 and name.isdecimal()]  # noqa: PTH208 - names alone
    return [Segment(folder / name, int(name)) for name in sorted(names)]


def pieces(directory: Path, source: str, start: int) -> Iterator[RecoveredLog]:
    """Bytes of one source from `start` on, none twice. Where some are missing the offset jumps."""
    for segment in segments(directory, source):
        with opened(segment.path) as file:
            if file is None:
                continue
            start = max(start, segment.offset)
            file.seek(start - segment.offset)
            while data := file.read(PIECE):
                yield RecoveredLog(source, start, data)
                start += len(data)


def end(directory: Path) -> RecoveredEnd:
    """What was written down about the end."""
    sizes: dict[str, int] = {}
    begun = sources(directory)
    for source in begun:
        said = record(directory / SPOOL / source / CLOSED)
        if said is not None and isinstance(size := said.get("size"), int):
            sizes[source] = size
    whole = frozenset(source for source, size in sizes.items() if reach(directory, source) in (None, size))
    return RecoveredEnd(record(directory / RESULT), whole, sizes, frozenset(begun))


def reach(directory: Path, source: str) -> int | None:
    """Offset after the last byte in the spool, or None if there is no segment: all were acknowledged."""
    last = segments(directory, source)[-1:]
    return last[0].offset + last[0].path.lstat().st_size if last else None


def record(path: Path) -> Mapping[str, object] | None:
    """A JSON object in a file, or None if there is none."""
    found = _json(path)
    return found if isinstance(found, dict) else None


def records(path: Path) -> list[Mapping[str, object]]:
    """The objects of a JSON list in a file; none if there is no such file."""
    found = _json(path)
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _json(path: Path) -> object:
    with opened(path) as file:
        data = file.read(LARGEST_RECORD) if file is not None else None
    if data is None:
        return None
    try:
        return json.loads(data)
    except (ValueError, RecursionError):  # records are written whole: this one was altered afterwards
        logger.warning("%s is no JSON and is passed over", path)
        return None


def last_words(path: Path) -> str | None:
    """The last line of a text file that has one."""
    with opened(path) as file:
        if file is None:
            return None
        file.seek(max(0, os.fstat(file.fileno()).st_size - 4096))
        lines = file.read().decode(errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), None)


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO | None]:
    """A plain file for reading, or None if that is not what is there."""
    try:
        # Not blocking: a named pipe would wait for somebody to write.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as fault:
        if fault.errno not in _NOT_THERE:
            raise
        yield None
        return
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        yield None
        return
    with os.fdopen(descriptor, "rb") as file:
        yield file
