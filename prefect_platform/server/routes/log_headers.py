"""The headers of appends and downloads, read strictly."""

from __future__ import annotations

import re
from dataclasses import dataclass

from prefect_platform.errors import UsageError, foreign
from prefect_platform.server.stores.logs import Mark
from prefect_platform.wire.logs import TIMES_HEADER

LATEST_MS = 1 << 45
"""A time beyond this (about the year 3084) is no time."""
_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-(\d{0,18})/\*", re.ASCII)
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)
_MARK = re.compile(r"(\d{1,18}):(\d{1,18})", re.ASCII)


def append_offset(content_range: str | None, length: int) -> int:
    """Where the `length` bytes of an append begin.

    Raises:
        UsageError: no Content-Range, or one that does not fit the body.
    """
    found = _CONTENT_RANGE.fullmatch(content_range or "")
    if found is None:
        raise UsageError(
            "An append needs `Content-Range: bytes <first>-<last>/*`, or `bytes <first>-/*` without a body."
        )
    first, last = int(found[1]), found[2]
    if last != (str(first + length - 1) if length else ""):
        raise UsageError(f"Content-Range {found[0]!r} does not fit a body of {length} bytes.")
    return first


def append_marks(times: str | None, offset: int, length: int) -> list[Mark]:
    """The times of an append; none if the header is absent.

    Raises:
        UsageError: not `offset:epoch_ms` with rising offsets inside the body, its first byte first.
    """
    if not times:
        return []
    marks: list[Mark] = []
    for item in times.split(","):
        found = _MARK.fullmatch(item.strip())
        mark = Mark(int(found[1]), int(found[2])) if found else None
        lowest = marks[-1].offset + 1 if marks else offset
        if (
            mark is None
            or mark.ms > LATEST_MS
            or not lowest <= mark.offset < max(offset + length, lowest + 1)
        ):
            raise UsageError(
                f"{TIMES_HEADER} {foreign(item)!r}: expected `offset:epoch_ms,…` with rising offsets from "
                f"{offset} to {offset + length - 1}."
            )
        marks.append(mark)
    if marks[0].offset != offset:
        raise UsageError(f"{TIMES_HEADER} must begin with the first byte of the append, {offset}.")
    return marks


@dataclass(frozen=True)
class Span:
    """Bytes `[start, end)` of `size`."""

    start: int
    end: int
    size: int

    @property
    def content_range(self) -> str:
        return f"bytes {self.start}-{self.end - 1}/{self.size}"


def download_span(header: str | None, size: int) -> Span | None:
    """What a Range header asks of `size` bytes; None where it asks for all, or for what we do not do.

    A span that begins beyond the end has no bytes: its `start` is its `end`.
    """
    found = _RANGE.fullmatch(header or "")
    if found is None or found[0] == "bytes=-":
        return None
    if not found[1]:
        return Span(max(0, size - int(found[2])), size, size)
    start, end = int(found[1]), int(found[2]) + 1 if found[2] else size
    if end <= start and found[2]:
        return None
    return Span(start, max(start, min(end, size)), size)
