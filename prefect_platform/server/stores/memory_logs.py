"""`MemoryLogs`: the log store in this process's memory, for tests. Everything is counted afresh."""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from prefect_platform.errors import Conflict, DigestMismatch, OffsetMismatch
from prefect_platform.server.stores.log_changes import Changes
from prefect_platform.server.stores.log_marks import COARSE_MS, to_keep
from prefect_platform.server.stores.log_places import checked
from prefect_platform.server.stores.logs import Mark, Stat


@dataclass
class _Source:
    data: bytearray = field(default_factory=bytearray)
    marks: list[Mark] = field(default_factory=list)
    sha256: str | None = None
    sealed_ms: int | None = None

    def stat(self) -> Stat:
        begun = bool(self.data) and not self.data.endswith(b"\n")
        return Stat(
            size=len(self.data),
            lines=self.data.count(b"\n") + begun,
            first_ms=self.marks[0].ms if self.marks else None,
            last_ms=self.marks[-1].ms if self.marks else None,
            sha256=self.sha256,
            sealed_ms=self.sealed_ms,
        )


class MemoryLogs:
    def __init__(self) -> None:
        self._workloads: dict[str, dict[str, _Source]] = {}
        self._changes = Changes()

    async def append(
        self, workload_id: str, source: str, offset: int, data: bytes, marks: Sequence[Mark]
    ) -> int:
        found = self._get(workload_id, source)
        size, end = len(found.data), offset + len(data)
        if offset > size:
            raise OffsetMismatch(f"Source {source!r} of workload {workload_id} ends at {size}.", size=size)
        if end <= size:
            return size
        if found.sha256 is not None:
            raise Conflict(f"Source {source!r} of workload {workload_id} is sealed.", size=size)
        self._workloads.setdefault(workload_id, {})[source] = found
        found.marks += to_keep(found.marks[-1] if found.marks else None, size, end, marks)
        found.data += data[size - offset :]
        self._changes.tell(workload_id)
        return end

    async def overwrite(self, workload_id: str, source: str, offset: int, data: bytes) -> None:
        found = self._get(workload_id, source)
        if offset + len(data) > len(found.data):
            message = f"Source {source!r} of workload {workload_id} ends at {len(found.data)}."
            raise OffsetMismatch(message, size=len(found.data))
        if found.sha256 is not None:
            raise Conflict(f"Source {source!r} of workload {workload_id} is sealed.", size=len(found.data))
        found.data[offset : offset + len(data)] = data
        self._changes.tell(workload_id)

    async def seal(self, workload_id: str, source: str, size: int, sha256: str, ms: int) -> Stat:
        found = self._get(workload_id, source)
        if size != len(found.data):
            message = f"Source {source!r} of workload {workload_id} has {len(found.data)} bytes."
            raise OffsetMismatch(message, size=len(found.data))
        have = hashlib.sha256(found.data).hexdigest()
        if have != sha256:
            raise DigestMismatch(f"Source {source!r} of workload {workload_id} has the SHA-256 {have}.")
        if found.sha256 is None:
            found.sha256, found.sealed_ms = sha256, ms
            self._workloads.setdefault(workload_id, {})[source] = found
            self._changes.tell(workload_id)
        return found.stat()

    async def stat(self, workload_id: str, source: str) -> Stat:
        return self._get(workload_id, source).stat()

    async def sources(self, workload_id: str) -> list[str]:
        checked(workload_id)
        return sorted(self._workloads.get(workload_id, {}))

    async def read(self, workload_id: str, source: str, start: int, end: int) -> bytes:
        return bytes(self._get(workload_id, source).data[start:end])

    async def find_line(self, workload_id: str, source: str, line: int) -> int:
        data = self._get(workload_id, source).data
        offset = 0
        for _ in range(line):
            offset = data.find(b"\n", offset) + 1
            if offset == 0:
                return len(data)
        return offset

    async def line_at(self, workload_id: str, source: str, offset: int) -> int:
        return self._get(workload_id, source).data.count(b"\n", 0, offset)

    async def find_time(self, workload_id: str, source: str, ms: int) -> int:
        found = self._get(workload_id, source)
        early = [n for n, mark in enumerate(found.marks) if mark.ms > ms - COARSE_MS]
        if not found.marks or (early and early[0] == 0):
            return 0
        return found.marks[early[0]].offset if early else len(found.data)

    async def times(self, workload_id: str, source: str, start: int, end: int) -> list[Mark]:
        marks = self._get(workload_id, source).marks
        first = max(0, bisect_left(marks, start + 1, key=lambda mark: mark.offset) - 1)
        return [mark for mark in marks[first:] if mark.offset < end]

    async def delete(self, workload_id: str) -> None:
        checked(workload_id)
        self._workloads.pop(workload_id, None)
        self._changes.tell(workload_id)

    def changes(self, workload_id: str) -> AsyncIterator[None]:
        checked(workload_id)
        return self._changes.watch(workload_id)

    def _get(self, workload_id: str, source: str) -> _Source:
        checked(workload_id, source)
        return self._workloads.get(workload_id, {}).get(source) or _Source()
