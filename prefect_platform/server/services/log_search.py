"""Searching the log of a run or a workload: hits as they are found, off the event loop, until nobody reads
on."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict, dataclass

from prefect_platform.errors import UsageError
from prefect_platform.server.services import log_scan, logs_read
from prefect_platform.server.services.callers import Caller
from prefect_platform.server.services.log_scan import Found, Wanted
from prefect_platform.server.services.logs import instant
from prefect_platform.server.services.logs_live import Event
from prefect_platform.server.services.parts import Parts
from prefect_platform.server.stores.logs import Mark
from prefect_platform.wire.logs import LogHit, LogLevel, LogSource

BLOCK_BYTES = 4 << 20
MOST_HITS = 10_000
MOST_CHARACTERS = 1000
TELL_SECONDS = 0.2
"""Between two words about how far a search has come."""


@dataclass(frozen=True)
class Asked:
    """One search. Exactly one of text and level."""

    text: str | None
    level: LogLevel | None
    case: bool
    sources: Sequence[str]
    limit: int

    def wanted(self) -> Wanted:
        """Raises UsageError for a search for nothing, for two things, or for too much."""
        if (self.text is None) == (self.level is None):
            raise UsageError(
                "A search is for a text (`q`) or for a level (`level`): for exactly one of them."
            )
        if self.level is not None:
            return log_scan.errors(warnings=self.level is LogLevel.WARNING)
        text = self.text or ""
        if not text or "\n" in text:
            raise UsageError("`q` is a piece of one line: it has a character at least, and no line break.")
        return log_scan.words(text, case=self.case)


async def of_run(parts: Parts, caller: Caller, run_id: str, asked: Asked) -> AsyncIterator[Event]:
    """Search every source of a run; see `_events`."""
    sources = await logs_read.sources_of_run(parts, caller, run_id)
    return _events(parts, sources, asked, asked.wanted())


async def of_workload(parts: Parts, caller: Caller, workload_id: str, asked: Asked) -> AsyncIterator[Event]:
    """Search every source of a workload; see `_events`."""
    sources = await logs_read.sources_of_workload(parts, caller, workload_id)
    return _events(parts, sources, asked, asked.wanted())


async def _events(
    parts: Parts, there: Sequence[LogSource], asked: Asked, wanted: Wanted
) -> AsyncIterator[Event]:
    """`hits` with some of them at a time, `progress` in bytes, and at last `end`."""
    sources = [one for one in there if not one.removed_at and (one.source in (asked.sources or [one.source]))]
    began, told, done, hits = time.monotonic(), time.monotonic(), 0, 0
    whole = sum(one.size for one in sources)
    for source in sources:
        async for size, found in _blocks(parts, source, wanted, asked.limit - hits):
            hits += len(found)
            done += size
            if found:
                yield Event("hits", data=json.dumps([hit.model_dump(mode="json") for hit in found]))
            if time.monotonic() - told > TELL_SECONDS:
                told = time.monotonic()
                yield Event("progress", data=json.dumps({"bytes": done, "of_bytes": whole}))
            if hits >= asked.limit:
                break
        if hits >= asked.limit:
            break
    seconds = round(time.monotonic() - began, 3)
    end = {"hits": hits, "truncated": hits >= asked.limit, "seconds": seconds}
    yield Event("end", data=json.dumps(end))


async def _blocks(
    parts: Parts, source: LogSource, wanted: Wanted, most: int
) -> AsyncIterator[tuple[int, list[LogHit]]]:
    """The size of each block that was looked through, and the hits in it."""
    offset, line = 0, 0
    while offset < source.size and most > 0:
        data = await parts.logs.read(source.workload_id, source.source, offset, offset + BLOCK_BYTES)
        if not data:
            return
        cut = data.rfind(b"\n") + 1 if offset + len(data) < source.size else len(data)
        block = data[: cut or len(data)]  # a line that is longer than a block is looked at in pieces
        async with parts.searches:
            found, lines = await asyncio.to_thread(_scanned, block, line, wanted, most)
        most -= len(found)
        yield len(block), await _timed(parts, source, offset, len(block), found)
        offset, line = offset + len(block), line + lines


def _scanned(block: bytes, line: int, wanted: Wanted, most: int) -> tuple[list[Found], int]:
    found = []
    for one in log_scan.scan(block, line, wanted):
        found.append(one)
        if len(found) >= most:
            break
    return found, block.count(b"\n")


async def _timed(
    parts: Parts, source: LogSource, offset: int, size: int, found: Sequence[Found]
) -> list[LogHit]:
    if not found:
        return []
    marks = await parts.logs.times(source.workload_id, source.source, offset, offset + size)
    return [_hit(source, one, offset, marks) for one in found]


def _hit(source: LogSource, found: Found, offset: int, marks: Sequence[Mark]) -> LogHit:
    at = next((mark.ms for mark in reversed(marks) if mark.offset <= offset + found.place), None)
    told = asdict(found)
    del told["place"]
    return LogHit(
        workload_id=source.workload_id, source=source.source, at=instant(at) if at else None, **told
    )


async def first_error(parts: Parts, caller: Caller, run_id: str) -> LogHit | None:
    """The line of a run's log that says what went wrong: that of the first exception, else the first error
    of a logger. In what the flow wrote, then its workers, then all else; of the last attempt that wrote
    anything."""
    return await _first_error(parts, await logs_read.sources_of_run(parts, caller, run_id))


async def first_error_of_workload(parts: Parts, caller: Caller, workload_id: str) -> LogHit | None:
    return await _first_error(parts, await logs_read.sources_of_workload(parts, caller, workload_id))


async def _first_error(parts: Parts, there: Sequence[LogSource]) -> LogHit | None:
    kept = [one for one in reversed(there) if not one.removed_at]
    ordered = sorted(kept, key=lambda one: _rank(one.source))
    for source in ordered:
        found = await _first(parts, source, log_scan.TRACEBACK)
        if found is not None:
            return await _raised(parts, source, found)
    for source in ordered:
        found = await _first(parts, source, log_scan.errors())
        if found is not None:
            return found
    return None


def _rank(source: str) -> int:
    return 0 if source == "flow" else 1 if source.startswith("dask-worker-") else 2


async def _first(parts: Parts, source: LogSource, wanted: Wanted) -> LogHit | None:
    async for _, found in _blocks(parts, source, wanted, 1):
        if found:
            return found[0]
    return None


_LONGEST_TRACEBACK = 1 << 18


async def _raised(parts: Parts, source: LogSource, traceback: LogHit) -> LogHit:
    """The line below a traceback that names the exception; the traceback's own if it breaks off."""
    begin = await parts.logs.find_line(source.workload_id, source.source, traceback.line)
    data = await parts.logs.read(source.workload_id, source.source, begin, begin + _LONGEST_TRACEBACK)
    lines = log_scan.ANSI.sub(b"", data).split(b"\n")
    indented = (b" ", b"\t", b"|", b"+")
    for number, text in enumerate(lines[1:], 1):
        if text.strip() and not text.startswith(indented):
            said = text[:MOST_CHARACTERS].decode(errors="replace")
            return traceback.model_copy(
                update={"line": traceback.line + number, "text": said, "start": 0, "end": len(said)}
            )
    return traceback
