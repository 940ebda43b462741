"""Logs being read: pieces by bytes, lines, time or from the end, and all of it as it is.

A piece is at most `PIECE_BYTES`. Its text never splits a character; offsets count bytes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime

from prefect_platform.errors import NotFound, UsageError
from prefect_platform.server.services import log_text, run_workloads, runs, workloads
from prefect_platform.server.services.callers import Caller
from prefect_platform.server.services.logs import check_kept, instant, readable, source_infos
from prefect_platform.server.services.parts import Parts
from prefect_platform.server.stores.logs import Stat
from prefect_platform.wire.launch import SAMPLES_SOURCE
from prefect_platform.wire.logs import LogChunk, LogSource

PIECE_BYTES = 1 << 20
DEFAULT_LINES = 200
_STREAM_BYTES = 1 << 18


@dataclass(frozen=True)
class Wanted:
    """Which piece. One way of saying it; nothing at all means the beginning."""

    start: int | None = None
    end: int | None = None
    line: int | None = None
    count: int | None = None
    tail: int | None = None
    since: datetime | None = None

    def check(self) -> None:
        """Raises UsageError for a negative number, or two ways at once."""
        numbers = (self.start, self.end, self.line, self.count, self.tail)
        if any(number is not None and number < 0 for number in numbers):
            raise UsageError("Offsets, lines and counts are not negative.")
        ways = [
            self.start is not None or self.end is not None,
            self.line is not None,
            self.tail is not None,
            self.since is not None,
        ]
        if sum(ways) > 1 or (self.count is not None and self.line is None):
            raise UsageError(
                "Ask by `start` and `end`, by `line` and `count`, by `tail`, or by `since`: by one."
            )
        if self.start is not None and self.end is not None and self.end < self.start:
            raise UsageError(f"A piece from {self.start} to {self.end} would end before it begins.")
        if self.since is not None and self.since.tzinfo is None:
            raise UsageError("`since` needs a time zone: 2013-01-05T08:00:00Z.")


async def sources_of_workload(parts: Parts, caller: Caller, workload_id: str) -> list[LogSource]:
    async with parts.database.reader() as session:
        await workloads.own(session, caller, workload_id)
    return _of_words(await source_infos(parts, [workload_id]))


async def sources_of_run(parts: Parts, caller: Caller, run_id: str) -> list[LogSource]:
    """The sources of all attempts of a run and of their Dask clusters, oldest attempt first."""
    async with parts.database.reader() as session:
        await runs.own(session, caller, run_id)
        ids = [row.id for row in await run_workloads.of_run(session, run_id)]
    return _of_words(await source_infos(parts, ids))


def _of_words(sources: list[LogSource]) -> list[LogSource]:
    return [one for one in sources if one.source != SAMPLES_SOURCE]


async def opened(parts: Parts, caller: Caller, workload_id: str, source: str) -> Stat:
    """What there is of a source that the caller may read.

    Raises:
        NotFound: the workload is not the caller's, or has no such source (yet).
        Removed: it had one, which retention removed.
    """
    async with parts.database.reader() as session:
        row = await workloads.own(session, caller, workload_id)
    if row.removed_logs is not None:
        await check_kept(parts, workload_id, source)
    stat = await parts.logs.stat(workload_id, source)
    if stat.size == 0 and stat.sha256 is None:
        there = ", ".join(await readable(parts, workload_id)) or "none yet"
        raise NotFound(f"Workload {workload_id} has no log source {source!r}. Its sources: {there}.")
    return stat


async def read(parts: Parts, caller: Caller, workload_id: str, source: str, wanted: Wanted) -> LogChunk:
    """The piece that was asked for, or as much of it as one piece may hold."""
    wanted.check()
    stat = await opened(parts, caller, workload_id, source)
    start, end = await _place(parts, workload_id, source, stat, wanted)
    return await piece(parts, workload_id, source, stat, start, end)


async def piece(
    parts: Parts,
    workload_id: str,
    source: str,
    stat: Stat,
    start: int,
    end: int,
    most: int = PIECE_BYTES,
) -> LogChunk:
    """The bytes from `start` to `end` as text, moved to where characters begin and end.

    What is cut for its length ends with a line if there is the end of one in it. Bytes of a
    character that has not come whole yet are left for a later piece.
    """
    logs, end = parts.logs, min(end, stat.size)
    start = await _aligned(parts, workload_id, source, min(start, end))
    length = min(end - start, most)
    data = await logs.read(workload_id, source, start, min(start + length + log_text.LONGEST - 1, stat.size))
    more = stat.sha256 is None or start + len(data) < stat.size
    newline = data.rfind(b"\n", 0, length) + 1 if length < end - start else 0
    data = data[: newline or log_text.cut(data, length, more=more)]
    marks = await logs.times(workload_id, source, start, start + len(data)) if data else []
    return LogChunk(
        workload_id=workload_id,
        source=source,
        offset=start,
        end=start + len(data),
        first_line=await logs.line_at(workload_id, source, start),
        text=log_text.decode(data),
        at=instant(marks[0].ms) if marks else None,
        times=[(mark.offset, mark.ms) for mark in marks],
        eof=stat.sha256 is not None and start + len(data) == stat.size,
    )


async def stream(parts: Parts, workload_id: str, source: str, start: int, end: int) -> AsyncIterator[bytes]:
    """Bytes `[start, end)` as they are."""
    while start < end and (
        data := await parts.logs.read(workload_id, source, start, min(start + _STREAM_BYTES, end))
    ):
        start += len(data)
        yield data


async def _place(parts: Parts, workload_id: str, source: str, stat: Stat, wanted: Wanted) -> tuple[int, int]:
    logs, size = parts.logs, stat.size
    if wanted.line is not None:
        count = DEFAULT_LINES if wanted.count is None else wanted.count
        start = await logs.find_line(workload_id, source, wanted.line)
        return start, await logs.find_line(workload_id, source, wanted.line + count)
    if wanted.tail is not None:
        first = await logs.find_line(workload_id, source, max(0, stat.lines - wanted.tail))
        start = size if wanted.tail == 0 else min(first, size)
        return await _last_piece(parts, workload_id, source, start, size), size
    if wanted.since is not None:
        return await logs.find_time(workload_id, source, int(wanted.since.timestamp() * 1000)), size
    return wanted.start or 0, size if wanted.end is None else wanted.end


async def _last_piece(parts: Parts, workload_id: str, source: str, start: int, size: int) -> int:
    """`start`, or where whole lines begin that one piece can hold up to the end."""
    if size - start <= PIECE_BYTES:
        return start
    data = await parts.logs.read(workload_id, source, size - PIECE_BYTES, size)
    return size - PIECE_BYTES + data.find(b"\n", 0, -1) + 1


async def _aligned(parts: Parts, workload_id: str, source: str, start: int) -> int:
    """`start`, or a little before it where the character begins that it lies in."""
    before = min(start, log_text.LONGEST - 1)
    if not before:
        return start
    around = await parts.logs.read(workload_id, source, start - before, start + log_text.LONGEST - 1)
    return start - log_text.begin(around, before)
