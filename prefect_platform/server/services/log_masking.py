"""Appends, looked at for secrets once more: what the launcher let through is masked here.

It should never happen, so a hit is a fault of ours and is told as one: a warning in the server's log and a
step on the workload, with the source and the offset and never the value. Where a secret was cut by two
appends, its beginning is stored already and is overwritten in place. A seal compares what came with what
the launcher says it sent, and is over what is stored.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from prefect_platform.errors import DigestMismatch, PlatformError, StorageFull
from prefect_platform.masking.automaton import Span
from prefect_platform.masking.masker import masked
from prefect_platform.masking.matcher import Matcher
from prefect_platform.server.db.tables import WorkloadRow
from prefect_platform.server.services import launch_specs, orchestrators, workloads
from prefect_platform.server.services.log_masks import Came, Known, Stream
from prefect_platform.server.services.parts import Parts
from prefect_platform.server.stores.logs import Mark

logger = logging.getLogger(__name__)

STEP = "secret-masked-in-"
"""A step of this name, and the source: the platform has masked something in it."""
_INLINE = 16 << 10
"""Bytes that are looked at without asking a thread."""
_PIECE = 1 << 20


async def append(
    parts: Parts, workload_id: str, source: str, offset: int, data: bytes, marks: Sequence[Mark]
) -> int:
    """As `LogStore.append`, without the secrets of this workload."""
    matcher = await _matcher(parts, workload_id) if data else None
    if matcher is None:
        return await parts.logs.append(workload_id, source, offset, data, marks)
    known = parts.log_masks.known(workload_id)
    stream = known.streams.setdefault(source, Stream()) if known else Stream()
    async with stream.lock:
        return await _Append(parts, workload_id, source, stream).put(matcher, offset, data, marks)


async def _matcher(parts: Parts, workload_id: str) -> Matcher | None:
    known = await _known(parts, workload_id)
    return await known.matcher() if known is not None else None


async def _known(parts: Parts, workload_id: str) -> Known | None:
    """The values that this workload was given, as far as this process can know them.

    Where they cannot be read a log goes on without, and they are read again later: the launcher has
    masked it.
    """
    try:
        always = launch_specs.credentials(await orchestrators.of_workload(parts, workload_id))
        return await parts.log_masks.of(workload_id, always, parts.clock.uptime())
    except PlatformError as error:
        known = parts.log_masks.known(workload_id)
        if known is None or known.failures.bit_count() <= 1:
            logger.warning("The log of workload %s is not looked at for its secrets: %s", workload_id, error)
        return known


class _Append:
    """One append to a source whose lock is held."""

    def __init__(self, parts: Parts, workload_id: str, source: str, stream: Stream) -> None:
        self._parts, self._stream = parts, stream
        self._place = workload_id, source

    async def put(self, matcher: Matcher, offset: int, data: bytes, marks: Sequence[Mark]) -> int:
        if offset != self._stream.end:  # sent again, or the first that this process sees
            size = (await self._parts.logs.stat(*self._place)).size
            if offset + len(data) <= size:
                return size
            offset, data = max(offset, size), data[max(0, size - offset) :]
        tail = await self._tail(offset, matcher.longest - 1)
        whole, start = tail + data, offset - len(tail)
        hits = [span for span in await _spans(matcher, whole) if span[1] > len(tail)]
        if hits:
            await self._tell(start, hits)
        stored = masked(whole, hits)
        try:
            size = await self._parts.logs.append(*self._place, offset, stored[len(tail) :], marks)
        except StorageFull:  # some of it may be there
            self._saw(whole, start, (await self._parts.logs.stat(*self._place)).size, matcher.longest - 1)
            raise
        finally:
            if hits and hits[0][0] < len(tail):
                begun = hits[0][0]
                await self._parts.logs.overwrite(*self._place, start + begun, stored[begun : len(tail)])
        self._saw(whole, start, size, matcher.longest - 1)
        return size

    async def _tail(self, offset: int, length: int) -> bytes:
        """The bytes before `offset`, as they came if that is known. After a restart it is not."""
        if self._stream.end == offset:
            return self._stream.tail
        found = await self._parts.logs.read(*self._place, max(0, offset - length), offset)
        return found if len(found) == min(length, offset) else b""

    def _saw(self, whole: bytes, start: int, size: int, length: int) -> None:
        """So much of it is in the store now."""
        came = whole[: size - start]
        if self._stream.came is not None:
            self._stream.came.feed(start, came)
        self._stream.end, self._stream.tail = size, came[-length:] if length else b""

    async def _tell(self, start: int, hits: Sequence[Span]) -> None:
        """Say that there was a hit: always on the workload, ever more rarely in the server's log."""
        workload_id, source = self._place
        stream, at = self._stream, start + hits[0][0]
        count = sum(end - begin for begin, end in hits)
        stream.hits += 1
        if stream.hits == 1:
            await self._begin(at, count)
        if stream.hits.bit_count() == 1:
            message = (
                "A secret reached the log of workload %s: %d bytes of source %s from offset %d on were masked"
            )
            logger.warning(f"{message} (hit %d)", workload_id, count, source, at, stream.hits)

    async def _begin(self, at: int, count: int) -> None:
        """From here on what is stored is not what came: note it, and keep the digest of what came."""
        workload_id, source = self._place
        if await _noted(self._parts, workload_id, source):  # by a process before this one
            return
        came = Came()
        while data := await self._parts.logs.read(*self._place, came.size, came.size + _PIECE):
            await asyncio.to_thread(came.feed, came.size, data)
        self._stream.came = came
        detail = (
            f"{count} bytes at offset {at} of {source} were a secret that the launcher had let through; the "
            "platform masked them. This is a fault of prefect-platform: please report it."
        )
        async with self._parts.database.session() as session:
            row = await workloads.locked(session, workload_id)
            if row is not None:
                workloads.note(row, STEP + source, self._parts.clock.now(), detail)


async def _spans(matcher: Matcher, data: bytes) -> list[Span]:
    return matcher.spans(data) if len(data) <= _INLINE else await asyncio.to_thread(matcher.spans, data)


async def _noted(parts: Parts, workload_id: str, source: str) -> bool:
    async with parts.database.reader() as session:
        row = await session.get(WorkloadRow, workload_id)
    return row is not None and workloads.noted(row, STEP + source) is not None


async def seals_over_what_is_stored(
    parts: Parts, workload_id: str, source: str, size: int, sha256: str
) -> bool:
    """Whether a source must be sealed with a digest of its own, because something of it was masked here.

    Raises:
        DigestMismatch: the bytes that came are not those that the launcher sent.
    """
    if not await _noted(parts, workload_id, source):
        return False
    known = parts.log_masks.known(workload_id)
    came = known.streams[source].came if known and source in known.streams else None
    if came is not None and came.is_other(size, sha256):
        raise DigestMismatch(f"What came of source {source!r} of workload {workload_id} has another SHA-256.")
    return True
