"""Logs: sources of a run, pieces of a source, all of its bytes, and what is being written now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from urllib.parse import urlencode

import requests
from pydantic import RootModel, TypeAdapter

from prefect_platform.client import faults, live
from prefect_platform.client.retries import Retries
from prefect_platform.client.transport import Transport
from prefect_platform.wire.logs import LogChunk, LogHit, LogLevel, LogSource

MOST_HITS = 10_000
"""Of one search."""
_HITS = TypeAdapter(list[LogHit])
_PIECE = 1 << 16
"""Bytes read at once; a connection that breaks loses less than one."""
_RESUMES = 5
"""Broken connections in a row without a byte before a download gives up."""


class _FirstError(RootModel[LogHit | None]):
    """A hit, or null."""


class Logs:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def sources(self, run_id: str) -> Sequence[LogSource]:
        """The sources of all workloads of a run, oldest workload first."""
        return self._transport.call("GET", f"/api/v1/runs/{run_id}/logs", tuple[LogSource, ...])

    def workload_sources(self, workload_id: str) -> Sequence[LogSource]:
        """The sources of one workload, such as the start of a resource."""
        return self._transport.call("GET", f"/api/v1/workloads/{workload_id}/logs", tuple[LogSource, ...])

    def read(
        self,
        workload_id: str,
        source: str,
        *,
        start: int | None = None,
        end: int | None = None,
        line: int | None = None,
        count: int | None = None,
        tail: int | None = None,
        since: datetime | None = None,
    ) -> LogChunk:
        """A piece of a source: bytes `start` to `end`, or `count` lines from `line` (zero-based) on, or the
        last `tail` lines, or what arrived at `since` or later. The server bounds it to 1 MiB."""
        params = {
            "start": start, "end": end, "line": line, "count": count, "tail": tail,
            "since": since.isoformat() if since else None,
        }  # fmt: skip
        path = f"/api/v1/workloads/{workload_id}/logs/{source}"
        return self._transport.call("GET", path, LogChunk, params=params)

    def raw(self, workload_id: str, source: str) -> bytes:
        """Every byte of a source, as it is. For large ones see `pieces`."""
        return b"".join(self.pieces(workload_id, source))

    def pieces(
        self, workload_id: str, source: str, start: int = 0, end: int | None = None
    ) -> Iterator[bytes]:
        """The bytes of a source from `start` up to `end` (by default its present end), piece by piece.
        A connection that breaks is resumed where it broke.

        Raises:
            Unavailable: it broke again and again.
        """
        if end is None:
            end = self._size(workload_id, source)
        offset, empty, retries = start, 0, Retries()
        while offset < end:
            before = offset
            try:
                for piece in self._range(workload_id, source, offset, end):
                    offset += len(piece)
                    yield piece
                error: requests.RequestException = requests.ConnectionError("the answer was too short")
            except requests.RequestException as broken:
                error = broken
            empty = 0 if offset > before else empty + 1
            if offset < end and empty >= _RESUMES:
                raise faults.unreachable(self._transport.url, "with a whole log", error) from error
            if offset < end and empty:
                self._transport.pause(retries.wait(empty))

    def _size(self, workload_id: str, source: str) -> int:
        listing = self.workload_sources(workload_id)
        return next((found.size for found in listing if found.source == source), 0)

    def _range(self, workload_id: str, source: str, start: int, end: int) -> Iterator[bytes]:
        path = f"/api/v1/workloads/{workload_id}/logs/{source}/raw"
        with self._transport.stream(path, headers={"Range": f"bytes={start}-{end - 1}"}) as response:
            # A source whose whole is asked for may be answered as such; anything else must be the range.
            skip = 0 if response.status_code == 206 else start
            left = end - start
            for piece in response.iter_content(_PIECE):
                wanted = piece[skip:][:left]
                skip = max(0, skip - len(piece))
                left -= len(wanted)
                if wanted:
                    yield wanted

    def search(
        self,
        run_id: str,
        text: str | None = None,
        *,
        level: LogLevel | None = None,
        case: bool = False,
        sources: Sequence[str] = (),
        limit: int = MOST_HITS,
    ) -> Iterator[LogHit]:
        """Lines of a run's log with a text, or of a level, as they are found: at most `limit`, in all sources
        or in those named. A connection that breaks searches anew; each hit comes once all the same.

        Raises:
            UsageError: neither a text nor a level was given, or both were.
        """
        asked = {"q": text, "level": level and level.value, "case": case or None, "source": sources}
        given = {name: value for name, value in asked.items() if value is not None}
        path = f"/api/v1/runs/{run_id}/logs/search?{urlencode({**given, 'limit': limit}, doseq=True)}"
        seen: set[tuple[str, str, int]] = set()
        for event in live.events(self._transport, path):
            for hit in _HITS.validate_json(event.data) if event.name == "hits" else ():
                if (key := (hit.workload_id, hit.source, hit.line)) not in seen:
                    seen.add(key)
                    yield hit

    def first_error(self, run_id: str) -> LogHit | None:
        """The line that says what went wrong: the first exception, else the first error of a logger."""
        found = self._transport.call("GET", f"/api/v1/runs/{run_id}/logs/first-error", _FirstError)
        return found.root

    def follow(self, run_id: str) -> Iterator[LogChunk]:
        """What is written by a run, from its first byte on, until the run is over and its log sealed.

        Each byte comes once and in order within its source, whatever happens to the connection.
        """
        return self._once(live.events(self._transport, f"/api/v1/runs/{run_id}/logs/live"))

    def follow_source(self, workload_id: str, source: str) -> Iterator[LogChunk]:
        """As `follow`, for one source."""
        return self._once(live.events(self._transport, f"/api/v1/workloads/{workload_id}/logs/{source}/live"))

    def _once(self, events: Iterator[live.Event]) -> Iterator[LogChunk]:
        """Chunks without repetition or gap, by the offsets they carry."""
        reached: dict[tuple[str, str], int] = {}
        for event in events:
            if event.name != "log":
                continue
            chunk = LogChunk.model_validate_json(event.data)
            key = (chunk.workload_id, chunk.source)
            have = reached.get(key, 0)
            if chunk.end > have:
                yield from [chunk] if chunk.offset == have else self._between(chunk, have)
                reached[key] = chunk.end

    def _between(self, chunk: LogChunk, have: int) -> Iterator[LogChunk]:
        """The bytes from `have` to the chunk's end, read again: the chunk begins before or after it."""
        while have < chunk.end:
            piece = self.read(chunk.workload_id, chunk.source, start=have, end=chunk.end)
            if piece.end <= have:
                return
            yield piece
            have = piece.end
