"""`LogStore`: the bytes of every source, offset-addressed, sealed at the end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Stat:
    """What is known of one source; all zero for a source that has no bytes yet."""

    size: int
    lines: int
    first_ms: int | None
    last_ms: int | None
    sha256: str | None
    """Set once sealed; nothing can be appended after that."""
    sealed_ms: int | None


@dataclass(frozen=True)
class Mark:
    """The bytes from `offset` on arrived at `ms` (milliseconds since the epoch)."""

    offset: int
    ms: int


class LogStore(Protocol):
    """Byte streams by (workload, source). Appends are compare-and-set on the size.

    A process that dies in the middle of an append leaves a shorter source, never a wrong one:
    the next append is told the true size and goes on from there.
    """

    async def append(
        self, workload_id: str, source: str, offset: int, data: bytes, marks: Sequence[Mark]
    ) -> int:
        """Append and return the new size. Bytes at offsets already held are ignored, not written again.

        Raises:
            OffsetMismatch: `offset` lies beyond the end; `data["size"]` says where the end is.
            Conflict: the source is sealed and more bytes came.
            StorageFull: there is no room; what was written is counted by the next `stat`.
        """
        ...

    async def overwrite(self, workload_id: str, source: str, offset: int, data: bytes) -> None:
        """Put `data` in the place of bytes already held. It ends lines exactly where they do.

        Raises:
            OffsetMismatch: not all of that place is held; nothing was changed.
            Conflict: the source is sealed.
        """
        ...

    async def seal(self, workload_id: str, source: str, size: int, sha256: str, ms: int) -> Stat:
        """Close a source if its size and digest are these. Sealing again with the same is a no-op.

        Raises:
            OffsetMismatch: the size is another.
            DigestMismatch: the digest is another; the source stays open.
        """
        ...

    async def stat(self, workload_id: str, source: str) -> Stat: ...

    async def sources(self, workload_id: str) -> list[str]:
        """Names of the sources that hold bytes or are sealed, sorted."""
        ...

    async def read(self, workload_id: str, source: str, start: int, end: int) -> bytes:
        """Bytes `[start, end)`, cut at the end of the source."""
        ...

    async def find_line(self, workload_id: str, source: str, line: int) -> int:
        """Offset where zero-based line `line` begins; the size if there are fewer lines."""
        ...

    async def line_at(self, workload_id: str, source: str, offset: int) -> int:
        """Zero-based number of the line that `offset` lies in."""
        ...

    async def find_time(self, workload_id: str, source: str, ms: int) -> int:
        """Offset of the first byte that arrived at `ms` or later; the size if none did.

        Times may be kept coarsely (`log_marks.COARSE_MS`): then it is never later than that byte, and
        at most so much earlier. Bytes whose time was lost pass for as old as those before them.
        """
        ...

    async def times(self, workload_id: str, source: str, start: int, end: int) -> list[Mark]:
        """The marks that cover `[start, end)`: the one at or before `start`, and those after."""
        ...

    async def delete(self, workload_id: str) -> None:
        """Forget every source of a workload. No-op if there is none."""
        ...

    def changes(self, workload_id: str) -> AsyncIterator[None]:
        """Yields at once and then after every append or seal of the workload, until closed."""
        ...
