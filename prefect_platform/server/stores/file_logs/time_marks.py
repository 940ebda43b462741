"""The times file: 16-byte records of an offset and the milliseconds at which it arrived.

Lost records cost only precision: their bytes pass for as old as the neighbour before them.
"""

from __future__ import annotations

import os
import struct
from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from prefect_platform.server.stores.disk import read_all, write_all
from prefect_platform.server.stores.log_marks import COARSE_MS, to_keep
from prefect_platform.server.stores.logs import Mark

_RECORD = struct.Struct("<QQ")


class TimeMarks:
    """Marks of one log, on disk; only their number and the last one are held."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._number = 0
        self.last: Mark | None = None

    def load(self, size: int) -> None:
        """Cut off what is torn, damaged or beyond a log of `size` bytes. The caller holds the file lock."""
        length = os.fstat(self._descriptor).st_size
        good = _good(read_all(self._descriptor, 0, length - length % _RECORD.size), size)
        if length != good * _RECORD.size:
            os.ftruncate(self._descriptor, good * _RECORD.size)
        self._take(good)

    def follow(self) -> None:
        """Learn of what another process added. The caller holds the file lock."""
        self._take(os.fstat(self._descriptor).st_size // _RECORD.size)

    def add(self, size: int, end: int, marks: Sequence[Mark]) -> None:
        """Keep what `marks` tell of the new bytes `[size, end)`."""
        fresh = to_keep(self.last, size, end, marks)
        if fresh:
            data = b"".join(_RECORD.pack(mark.offset, mark.ms) for mark in fresh)
            end = self._number * _RECORD.size
            try:
                write_all(self._descriptor, data, end)
            except OSError:
                os.ftruncate(self._descriptor, end)  # what came of it must not follow later records
                raise
            self._number += len(fresh)
            self.last = fresh[-1]

    @property
    def first(self) -> Mark | None:
        return self._mark(0) if self._number else None

    def find(self, ms: int, size: int) -> int:
        """Where the first byte that arrived at `ms` or later is, or a little before it."""
        if not self._number:
            return 0
        place = bisect_right(range(self._number), ms - COARSE_MS, key=lambda n: self._mark(n).ms)
        if place == 0:
            return 0
        return self._mark(place).offset if place < self._number else size

    def between(self, start: int, end: int) -> list[Mark]:
        """The mark at or before `start`, and those after it and before `end`."""
        numbers = range(self._number)
        low = bisect_right(numbers, start, key=lambda n: self._mark(n).offset) - 1
        high = bisect_left(numbers, end, key=lambda n: self._mark(n).offset)
        data = read_all(self._descriptor, max(low, 0) * _RECORD.size, high * _RECORD.size)
        return [Mark(*record) for record in _RECORD.iter_unpack(data)]

    def _take(self, number: int) -> None:
        self._number = number
        self.last = self._mark(number - 1) if number else None

    def _mark(self, number: int) -> Mark:
        return Mark(*_RECORD.unpack(read_all(self._descriptor, number * 16, number * 16 + 16)))


def _good(data: bytes, size: int) -> int:
    """How many records from the first on can be true of a log of `size` bytes."""
    number, offset, ms = 0, -1, 1  # nothing arrived in 1970: zeros are a hole in the file
    for record in _RECORD.iter_unpack(data):
        if not (offset < record[0] < size and record[1] >= ms):
            break
        number, (offset, ms) = number + 1, record
    return number
