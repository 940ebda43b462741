"""One source of the log: masked, bounded, numbered, spooled: in that order, byte for byte.

Offsets and the SHA-256 are those of the masked stream. Writing never raises and never waits for the
network: what the cap or a full disk leaves out is counted, and stands as a visible line where it is missing.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable

from prefect_platform.launcher.arrivals import Arrivals
from prefect_platform.launcher.spool import Spool
from prefect_platform.masking.encodings import encoded
from prefect_platform.masking.masker import Masker

TAIL_BYTES = 8192


def missing(count: int, reason: str) -> bytes:
    """The visible line that stands for bytes that are not in the log."""
    return f"\n[prefect-platform] {count} bytes are missing here: {reason}\n".encode()


class Source:
    """A stream from its first byte to its end. `grown` is called, outside of any wait, after new bytes."""

    def __init__(
        self, name: str, spool: Spool, masker: Masker, cap_bytes: int, grown: Callable[[], None]
    ) -> None:
        self.name = name
        self.spool = spool
        self.arrivals = Arrivals()
        self.closed = False
        self._masker = masker
        self._cap = cap_bytes
        self._grown = grown
        self._lock = threading.Lock()
        self._hash = hashlib.sha256()
        self._tail = b""
        self._over_cap = 0
        self._unwritten = 0
        """Bytes that the disk had no room for since the last marker."""
        self._left_out = 0

    @property
    def size(self) -> int:
        """Bytes of the numbered stream so far."""
        return self.spool.end

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()

    @property
    def tail(self) -> str:
        """The last lines, masked, as text."""
        text = self._tail.decode("utf-8", "replace").replace("\0", "\N{REPLACEMENT CHARACTER}")
        return text.partition("\n")[2] or text if len(self._tail) == TAIL_BYTES else text

    def write(self, data: bytes) -> None:
        """Take the next bytes of the stream."""
        with self._lock:
            if not self.closed:
                self._take(self._masker.feed(data))
        self._grown()

    def say(self, sentence: str) -> None:
        """Write a line of the launcher's own, with its time."""
        self.write(encoded(f"{timestamp(time.time())} {sentence}\n"))

    def close(self) -> None:
        """End the stream: what was held back, then the markers that are due."""
        with self._lock:
            if self.closed:
                return
            self._take(self._masker.flush())
            self._end_with_markers()
            self.closed = True
            self.spool.close(self.sha256, self._left_out)
        self._grown()

    def _take(self, data: bytes) -> None:
        if not data:
            return
        self._tail = (self._tail + data)[-TAIL_BYTES:] if len(data) < TAIL_BYTES else data[-TAIL_BYTES:]
        room = max(0, self._cap - self.size)
        if len(data) > room:
            self._over_cap += len(data) - room
            data = data[:room]
        if data:
            self._store(data)

    def _store(self, data: bytes) -> None:
        now = time.time_ns() // 1_000_000
        start = self.size
        marked = self.arrivals.add(start, now)
        if self._unwritten and not self._mark_gap():
            self._unwritten += len(data)
            return
        written = self.spool.append(data)
        self._hash.update(memoryview(data)[:written])
        self._unwritten += len(data) - written
        if marked:
            self.spool.mark(start, now)

    def _mark_gap(self) -> bool:
        """Put the line for what the disk had no room for, if there is room for that line now."""
        line = self._gap_line()
        if not self.spool.append_whole(line):
            return False
        self._hash.update(line)
        self._left_out += self._unwritten
        self._unwritten = 0
        return True

    def _gap_line(self) -> bytes:
        return missing(self._unwritten, f"the disk of the run took no more ({self.spool.fault})")

    def _end_with_markers(self) -> None:
        """The last lines are kept in memory if even now the disk takes nothing: they must be seen."""
        if self._unwritten and not self._mark_gap():
            self._append_last(self._gap_line())
            self._left_out += self._unwritten
        if self._over_cap:
            self._append_last(missing(self._over_cap, f"this log is at its cap of {self._cap} bytes"))
            self._left_out += self._over_cap

    def _append_last(self, line: bytes) -> None:
        if self.spool.in_memory or not self.spool.append_whole(line):
            self.spool.append_in_memory(line)
        self._hash.update(line)


def timestamp(seconds: float) -> str:
    """RFC 3339 in UTC, to the millisecond."""
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return f"{whole}.{int(seconds * 1000) % 1000:03d}Z"
