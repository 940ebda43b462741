"""One source on disk. Synchronous: the store calls it in threads.

Every write holds a lock in this process and `flock` on the log file, and first looks at what the
file holds now, so that several processes may write to one directory.
"""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from prefect_platform.errors import Conflict, DigestMismatch, OffsetMismatch, StorageFull
from prefect_platform.server.stores.disk import full_disk, read_all, write_all
from prefect_platform.server.stores.file_logs.digest import PIECE, RunningDigest
from prefect_platform.server.stores.file_logs.line_index import STRIDE, LineIndex, nth_newline
from prefect_platform.server.stores.file_logs.seals import Seal, read_seal, write_seal
from prefect_platform.server.stores.file_logs.time_marks import TimeMarks
from prefect_platform.server.stores.logs import Mark, Stat


class Source:
    """The open files of one source. `base` is their path without the last suffix.

    Raises:
        FileNotFoundError: there is no such source, and `create` was not asked for.
    """

    def __init__(self, base: Path, *, create: bool) -> None:
        self.name = f"source {base.name!r} of workload {base.parent.name}"
        self._base = base
        self._seal_path = base.with_name(base.name + ".sealed")
        self._lock = threading.Lock()
        self._log = _open(base.with_name(base.name + ".log"), create=create)
        try:
            self._lines = _open(base.with_name(base.name + ".lines"), create=True)
            try:
                self._times = _open(base.with_name(base.name + ".times"), create=True)
            except OSError:
                os.close(self._lines)
                raise
        except OSError:
            os.close(self._log)
            raise
        self._index = LineIndex(self._lines)
        self._marks = TimeMarks(self._times)
        self._digest = RunningDigest()
        self._seal: Seal | None = None
        self._loaded = False

    def close(self) -> None:
        for descriptor in (self._log, self._lines, self._times):
            os.close(descriptor)

    @property
    def deleted(self) -> bool:
        return os.fstat(self._log).st_nlink == 0

    def append(self, offset: int, data: bytes, marks: Sequence[Mark]) -> int:
        with self._lock, self._alone():
            size = self._index.size
            if offset > size:
                raise OffsetMismatch(f"The {self.name} ends at {size}, not at {offset}.", size=size)
            start, end = size - offset, offset + len(data)
            if end <= size:
                return size
            if self._sealed() is not None:
                raise Conflict(f"The {self.name} is sealed at {size} bytes: nothing can be added.", size=size)
            with full_disk(self._base.parent):
                write_all(self._log, memoryview(data)[start:], size)
            self._index.add(data, start)
            self._digest.feed(size, memoryview(data)[start:])
            # The bytes are kept. What only speeds up reading is made good when there is room again.
            with suppress(StorageFull), full_disk(self._base.parent):
                self._marks.add(size, end, marks)
                self._index.save()
            return end

    def overwrite(self, offset: int, data: bytes) -> None:
        with self._lock, self._alone():
            size = self._index.size
            if offset + len(data) > size:
                raise OffsetMismatch(f"The {self.name} ends at {size}.", size=size)
            if self._sealed() is not None:
                raise Conflict(f"The {self.name} is sealed at {size} bytes: nothing can change.", size=size)
            write_all(self._log, data, offset)
            self._digest.forget()

    def seal(self, size: int, sha256: str, ms: int) -> Stat:
        if self._seal is None:  # the long part, before anybody is kept waiting
            self._digest.of(self._log, size)
            os.fsync(self._log)
        with self._lock, self._alone():
            if size != self._index.size:
                message = f"The {self.name} has {self._index.size} bytes, not {size}."
                raise OffsetMismatch(message, size=self._index.size)
            sealed = self._sealed()
            have = sealed.sha256 if sealed else self._digest.of(self._log, size)
            if (
                have != sha256 and sealed is None
            ):  # another process may have overwritten what this one counted
                self._digest.forget()
                have = self._digest.of(self._log, size)
            if have != sha256:
                raise DigestMismatch(f"The {self.name} has the SHA-256 {have}, not {sha256}.", sha256=have)
            if sealed is None:
                with full_disk(self._base.parent):
                    os.fsync(self._log)
                    write_seal(self._seal_path, Seal(size, sha256, ms))
                os.fchmod(self._log, 0o400)
            return self._stat()

    def stat(self) -> Stat:
        with self._now():
            return self._stat()

    def read(self, start: int, end: int) -> bytes:
        return read_all(self._log, start, end)

    def find_line(self, line: int) -> int:
        with self._now():
            if line == 0:
                return 0
            if line > self._index.newlines:
                return self._index.size
            offset, newlines = self._index.short_of(line)
            return offset + nth_newline(self.read(offset, offset + STRIDE), line - newlines) + 1

    def line_at(self, offset: int) -> int:
        with self._now():
            start, newlines = self._index.before(min(offset, self._index.size))
            return newlines + self.read(start, offset).count(b"\n")

    def find_time(self, ms: int) -> int:
        with self._now():
            return self._marks.find(ms, self._index.size)

    def times(self, start: int, end: int) -> list[Mark]:
        with self._now():
            return self._marks.between(start, end)

    def _stat(self) -> Stat:
        size, seal = self._index.size, self._sealed()
        begun = size > 0 and self.read(size - 1, size) != b"\n"
        first, last = self._marks.first, self._marks.last
        return Stat(
            size=size,
            lines=self._index.newlines + begun,
            first_ms=first.ms if first else None,
            last_ms=last.ms if last else None,
            sha256=seal.sha256 if seal else None,
            sealed_ms=seal.ms if seal else None,
        )

    def _sealed(self) -> Seal | None:
        """The seal; once seen it stays."""
        if self._seal is None:
            self._seal = read_seal(self._seal_path)
        return self._seal

    @contextmanager
    def _now(self) -> Iterator[None]:
        """Hold the lock of this process, with index and marks as the file is now."""
        with self._lock:
            if not self._loaded or os.fstat(self._log).st_size != self._index.size:
                with self._alone():
                    pass
            yield

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep every other process out, with index and marks as the file is now."""
        fcntl.flock(self._log, fcntl.LOCK_EX)
        try:
            size = os.fstat(self._log).st_size
            if not self._loaded or size < self._index.size:
                self._marks.load(size)
                self._index.load(size)
                self._loaded = True
            if size > self._index.size:
                self._catch_up(size)
            yield
        finally:
            fcntl.flock(self._log, fcntl.LOCK_UN)

    def _catch_up(self, size: int) -> None:
        """Count what another process, or one that died, has written."""
        self._marks.follow()
        while self._index.size < size:
            self._index.add(self.read(self._index.size, min(self._index.size + PIECE, size)))
        with suppress(StorageFull), full_disk(self._base.parent):  # it is in memory; later saves bring it
            self._index.save()


def _open(path: Path, *, create: bool) -> int:
    """Open for writing where the file allows it: a sealed log can only be read."""
    flags = os.O_CLOEXEC | (os.O_CREAT if create else 0)
    try:
        return os.open(path, os.O_RDWR | flags, 0o600)
    except PermissionError:
        return os.open(path, os.O_RDONLY | flags, 0o600)
