"""The sparse line index: how many newlines stand before every multiple of `STRIDE` bytes.

A record's place in the file says its offset, so that writing one twice, from two processes or
after a crash, changes nothing. Any line is one bisection and one read of `STRIDE` bytes away,
however long or short the lines are.
"""

from __future__ import annotations

import os
import struct
import zlib
from array import array
from bisect import bisect_left

from prefect_platform.server.stores.disk import read_all, write_all

STRIDE = 1 << 17
_RECORD = struct.Struct("<QI")
"""Newlines before the offset, and the CRC of these eight bytes."""


class LineIndex:
    """Newlines of the first `size` bytes of one log."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._counts = array("Q", [0])
        self._saved = 0
        self.size = 0
        self.newlines = 0

    def load(self, size: int) -> None:
        """Take over the records that are right for a log of `size` bytes; the rest is to be counted."""
        data = read_all(self._descriptor, 0, os.fstat(self._descriptor).st_size)
        counts = array("Q", [0])
        for place in range(min(len(data) // _RECORD.size, size // STRIDE)):
            count, crc = _RECORD.unpack_from(data, place * _RECORD.size)
            if crc != _crc(count) or not counts[-1] <= count <= counts[-1] + STRIDE:
                break
            counts.append(count)
        self._counts, self._saved = counts, len(counts) - 1
        self.size, self.newlines = self._saved * STRIDE, counts[-1]

    def add(self, data: bytes, start: int = 0) -> None:
        """Count the bytes of `data` from `start` on, which come next in the log."""
        while start < len(data):
            stop = min(start + STRIDE - self.size % STRIDE, len(data))
            self.newlines += data.count(b"\n", start, stop)
            self.size += stop - start
            if self.size % STRIDE == 0:
                self._counts.append(self.newlines)
            start = stop

    def save(self) -> None:
        """Write the records that the file does not have yet."""
        fresh = self._counts[self._saved + 1 :]
        if fresh:
            data = b"".join(_RECORD.pack(count, _crc(count)) for count in fresh)
            write_all(self._descriptor, data, self._saved * _RECORD.size)
            self._saved += len(fresh)

    def before(self, offset: int) -> tuple[int, int]:
        """The last record at or before `offset`: its offset, and the newlines before it."""
        place = min(offset // STRIDE, len(self._counts) - 1)
        return place * STRIDE, self._counts[place]

    def short_of(self, newlines: int) -> tuple[int, int]:
        """The last record with fewer than `newlines` (at least 1) before it, as `before` gives it."""
        place = bisect_left(self._counts, newlines) - 1
        return place * STRIDE, self._counts[place]


def _crc(count: int) -> int:
    return zlib.crc32(count.to_bytes(8, "little"))


def nth_newline(data: bytes, number: int) -> int:
    """Place of the `number`th newline (from 1) of `data`, which has so many."""
    low, high = 0, len(data)
    while high - low > 1:
        middle = (low + high) // 2
        count = data.count(b"\n", low, middle)
        if number <= count:
            high = middle
        else:
            low, number = middle, number - count
    return low
