"""One source's bytes on disk, written before anything is sent. Whoever outlives the launcher can read them.

Layout of `<workload directory>/spool/<source>/`, which is there as soon as bytes may come:

    00000000000000000000     a segment: raw bytes of the stream; its name is the offset of its first
    00000000000016777216     byte, 20 digits. Segments follow each other without a hole; acknowledged
                             ones are deleted from the front, so the first need not begin at 0.
    marks                    repeated struct ">QQ": offset, milliseconds since the epoch. The bytes from
                             that offset on, up to the next mark, arrived at that time. Emptied when
                             everything has been acknowledged; may end in a torn record.
    closed                   JSON {"size", "sha256", "left_out"}: the stream has ended and is `size` bytes
                             long. Present = the launcher read the source to its end. The stream is
                             whole only if the segments (or what the platform holds) reach `size`.

To recover: find the segment with the greatest name not above the wanted offset, and read on from
there through the following ones. Bytes may be read while the launcher still writes.

A disk that is full is a state, not an error: `append` says how much it could take.
"""

from __future__ import annotations

import json
import os
import threading
from bisect import bisect_right
from pathlib import Path
from struct import Struct

MARK = Struct(">QQ")
NAME_DIGITS = 20


class Spool:
    """The spool of one source. One thread appends, another reads and acknowledges."""

    def __init__(self, directory: Path, segment_bytes: int) -> None:
        self._directory = directory
        self._segment_bytes = segment_bytes
        self._lock = threading.Lock()
        self._starts: list[int] = []
        """Offsets of the segments on disk, rising."""
        self._fd: int | None = None
        self._marks: int | None = None
        self._end = 0
        self._memory = b""
        """Bytes at the end of the stream that the disk had no room for."""
        self.fault = ""
        """What the disk said when it last took less than it was given."""

    @property
    def end(self) -> int:
        """Offset after the last byte, on disk or in memory."""
        return self._end + len(self._memory)

    @property
    def in_memory(self) -> bool:
        """Whether the end of the stream is in memory already."""
        return bool(self._memory)

    def begin(self) -> None:
        """Say on disk that the stream has begun, before its first byte: it may be lost in a pipe."""
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            self.fault = error.strerror or str(error)

    def append(self, data: bytes) -> int:
        """Write what fits; returns the number of bytes written."""
        view, written = memoryview(data), 0
        try:
            fd = self._segment()
            while written < len(view):
                written += os.write(fd, view[written:])
        except OSError as error:  # no room, or no disk: the run goes on and the caller counts
            self.fault = error.strerror or str(error)
        self._end += written
        if written < len(view):
            self._close_segment()
        return written

    def append_whole(self, data: bytes) -> bool:
        """Write all of `data` or nothing of it."""
        before = self._end
        if self.append(data) == len(data):
            return True
        if self._end > before and self._starts:
            os.truncate(self._path(self._starts[-1]), before - self._starts[-1])
            self._end = before
        return False

    def append_in_memory(self, data: bytes) -> None:
        """Keep the last bytes of the stream where no disk is needed. Nothing can be appended after."""
        self._memory += data

    def read(self, offset: int, limit: int) -> bytes:
        """Up to `limit` bytes from `offset` on; fewer at the end of a segment, none at the end.

        Raises:
            LookupError: the bytes at `offset` have been acknowledged and deleted.
        """
        if offset >= self._end:
            return self._memory[offset - self._end :][:limit]
        with self._lock:
            index = bisect_right(self._starts, offset) - 1
            if index < 0:
                raise LookupError(f"offset {offset} has been acknowledged and deleted")
            start = self._starts[index]
        fd = os.open(self._path(start), os.O_RDONLY | os.O_CLOEXEC)
        try:
            return os.pread(fd, min(limit, self._end - offset), offset - start)
        finally:
            os.close(fd)

    def acknowledge(self, offset: int) -> None:
        """Delete the segments that end at or before `offset`, but the one being written."""
        with self._lock:
            while len(self._starts) > 1 and self._starts[1] <= offset:
                self._path(self._starts.pop(0)).unlink(missing_ok=True)
            if self._fd is None and self._starts and self._end <= offset:
                self._path(self._starts.pop(0)).unlink(missing_ok=True)
            if self._marks is not None and offset >= self._end:
                os.ftruncate(self._marks, 0)

    def mark(self, offset: int, epoch_ms: int) -> None:
        """Note when the bytes from `offset` on arrived. Times are a help, so a full disk costs only them."""
        try:
            if self._marks is None:
                self._marks = self._open("marks")
            os.write(self._marks, MARK.pack(offset, epoch_ms))
        except OSError as error:
            self.fault = error.strerror or str(error)

    def close(self, sha256: str, left_out: int) -> None:
        """Say that the stream has ended. Without room for it a reader has to take the end as unknown."""
        self._close_segment()
        text = json.dumps({"size": self.end, "sha256": sha256, "left_out": left_out})
        draft = self._directory / "closed.part"
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            draft.write_text(text)
            draft.replace(self._directory / "closed")
        except OSError as error:
            self.fault = error.strerror or str(error)

    def _segment(self) -> int:
        """The file to write to: a new one if the last is large enough or the disk was full."""
        if self._fd is not None and self._end - self._starts[-1] >= self._segment_bytes:
            self._close_segment()
        with self._lock:
            if self._fd is None:
                self._fd = self._open(f"{self._end:0{NAME_DIGITS}d}")
                if not self._starts or self._starts[-1] != self._end:
                    self._starts.append(self._end)
            return self._fd

    def _open(self, name: str) -> int:
        self._directory.mkdir(parents=True, exist_ok=True)
        return os.open(self._directory / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def _close_segment(self) -> None:
        """No more is written to the last segment, so it may be deleted once it is acknowledged."""
        with self._lock:
            if self._fd is not None:
                os.close(self._fd)
                self._fd = None

    def _path(self, start: int) -> Path:
        return self._directory / f"{start:0{NAME_DIGITS}d}"
