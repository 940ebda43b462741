"""Logs being written: appends and seals of launchers, and what the controller saves of a dead one's.

An append changes nothing but the log store. The database is asked once a second per workload, and
written to every few seconds, as the launcher's sign of life.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from prefect_platform.errors import Conflict, NotFound, OffsetMismatch, Removed, StorageFull, foreign
from prefect_platform.server.db.tables import LogGapRow, WorkloadRow
from prefect_platform.server.services import log_masking, workloads
from prefect_platform.server.services.callers import Caller
from prefect_platform.server.services.log_activity import Standing
from prefect_platform.server.services.parts import WORKLOADS, Parts
from prefect_platform.server.stores.logs import Mark
from prefect_platform.wire.launch import SAMPLES_SOURCE
from prefect_platform.wire.logs import AppendAnswer, Gap, LogSource, SealRequest
from prefect_platform.wire.runs import FINAL, Status, Target

STANDING_SECONDS = 1.0
"""How long a launcher may be told what was true before, where no wake-up says otherwise."""
_PIECE = 1 << 20


@dataclass(frozen=True)
class Piece:
    """Bytes of one append, with the times they arrived at the launcher."""

    offset: int
    data: bytes
    marks: Sequence[Mark]


async def append(parts: Parts, caller: Caller, workload_id: str, source: str, piece: Piece) -> AppendAnswer:
    """Append to a log, and tell the launcher what it should know. Also its sign of life.

    Raises:
        OffsetMismatch: the piece begins beyond the end; `data` has the fields of an AppendAnswer.
        Conflict: the workload has ended, or the source is sealed.
        StorageFull: there is no room; `data` is as with OffsetMismatch.
    """
    _own(caller, workload_id)
    standing = await _standing(parts, workload_id)
    if standing.final:
        raise Conflict(f"Workload {workload_id} has ended: its log takes nothing more.")
    if parts.log_activity.due(workload_id, parts.clock.uptime(), workloads.SEEN_SECONDS):
        await workloads.seen(parts, workload_id)
    settings = parts.config.logs
    watched = parts.log_activity.watched(workload_id)
    interval = settings.watched_interval_seconds if watched else settings.interval_seconds
    marks = piece.marks or [Mark(piece.offset, _ms(parts))]
    try:
        size = await log_masking.append(parts, workload_id, source, piece.offset, piece.data, marks)
    except (OffsetMismatch, StorageFull) as error:
        size = (await parts.logs.stat(workload_id, source)).size
        error.data.update(AppendAnswer(size=size, interval=interval, stop=standing.stop).model_dump())
        raise
    return AppendAnswer(size=size, interval=interval, stop=standing.stop)


async def seal(
    parts: Parts, caller: Caller, workload_id: str, source: str, request: SealRequest
) -> LogSource:
    """Close a source whose size and digest are the launcher's. Again is a no-op.

    Raises:
        OffsetMismatch: the size is another; `data["size"]` says which.
        DigestMismatch: the bytes are others; the source stays open.
    """
    _own(caller, workload_id)
    await _standing(parts, workload_id)
    size, sha256 = request.size, request.sha256
    if await log_masking.seals_over_what_is_stored(parts, workload_id, source, size, sha256):
        sha256 = await _digest(parts, workload_id, source, size)
    await parts.logs.seal(workload_id, source, size, sha256, _ms(parts))
    return next(info for info in await source_infos(parts, [workload_id]) if info.source == source)


async def append_recovered(parts: Parts, workload_id: str, source: str, offset: int, data: bytes) -> int:
    """Append what a dead launcher had written down, and return the new size. Again is a no-op.

    Nobody knows when the bytes arrived: they pass for as old as what stands before them.
    """
    stat = await parts.logs.stat(workload_id, source)
    marks = [Mark(offset, _ms(parts))] if stat.last_ms is None else []
    return await log_masking.append(parts, workload_id, source, offset, data, marks)


async def mark_gap(
    parts: Parts, workload_id: str, source: str, missing_bytes: int | None, at_most: int | None, reason: str
) -> Gap:
    """Say at the end of a source, in it and beside it, that bytes are missing there.

    The row is written first: a mark that was interrupted is completed at its old place the next
    time, and one that stands at the end already is not repeated.
    """
    size = (await parts.logs.stat(workload_id, source)).size
    gap = await _gap_at(parts, workload_id, source, size)
    if gap is None:
        gap = Gap(offset=size, missing_bytes=missing_bytes, at_most=at_most, reason=foreign(reason))
        row = LogGapRow(workload_id=workload_id, source=source, **gap.model_dump())
        try:
            async with parts.database.session() as session:
                session.add(row)
        except IntegrityError:  # another controller was quicker: its row says what stands here
            gap = await _gap_at(parts, workload_id, source, size) or gap
    now = [Mark(gap.offset, _ms(parts))]
    await parts.logs.append(workload_id, source, gap.offset, _marker(gap), now)
    return gap


async def _gap_at(parts: Parts, workload_id: str, source: str, size: int) -> Gap | None:
    """The gap whose marker is the last thing in a source of `size` bytes, or should be."""
    for row in await _gap_rows(parts, [workload_id]):
        if row.source == source and row.offset <= size <= row.offset + len(_marker(_gap(row))):
            return _gap(row)
    return None


def _marker(gap: Gap) -> bytes:
    if gap.missing_bytes is not None:
        number = f"{gap.missing_bytes} bytes are"
    elif gap.at_most is not None:
        number = f"up to {gap.at_most} bytes may be"
    else:
        number = "an unknown number of bytes is"
    return f"\n[prefect-platform] {number} missing here: {gap.reason}\n".encode()


async def seal_as_is(parts: Parts, workload_id: str) -> None:
    """Close every source of a workload that nobody writes to any more, with what it holds."""
    for source in await parts.logs.sources(workload_id):
        stat = await parts.logs.stat(workload_id, source)
        if stat.sha256 is None:
            sha256 = await _digest(parts, workload_id, source, stat.size)
            await parts.logs.seal(workload_id, source, stat.size, sha256, _ms(parts))
    parts.log_masks.forget(workload_id)


async def source_infos(parts: Parts, workload_ids: Sequence[str]) -> list[LogSource]:
    """What is there of these workloads' logs, in the order of the ids, then by name of the source."""
    gaps: dict[tuple[str, str], list[Gap]] = defaultdict(list)
    for row in await _gap_rows(parts, workload_ids):
        gaps[row.workload_id, row.source].append(_gap(row))
    gone = await removed(parts, workload_ids)
    return [
        info
        for workload_id in workload_ids
        for info in gone.get(workload_id) or await _infos(parts, workload_id, gaps)
    ]


async def readable(parts: Parts, workload_id: str) -> list[str]:
    """Sources that people read: all but the samples, which are no words."""
    return [one for one in await parts.logs.sources(workload_id) if one != SAMPLES_SOURCE]


async def _infos(parts: Parts, workload_id: str, gaps: dict[tuple[str, str], list[Gap]]) -> list[LogSource]:
    sources = await parts.logs.sources(workload_id)
    return [await _info(parts, workload_id, source, gaps[workload_id, source]) for source in sources]


async def removed(parts: Parts, workload_ids: Sequence[str]) -> dict[str, list[LogSource]]:
    """What the logs of these workloads were, of those that retention removed."""
    asked = select(WorkloadRow.id, WorkloadRow.removed_logs).where(
        WorkloadRow.id.in_(workload_ids), WorkloadRow.removed_logs.is_not(None)
    )
    async with parts.database.reader() as session:
        found = (await session.execute(asked)).tuples()
        return {key: [LogSource.model_validate(one) for one in told] for key, told in found if told}


async def check_kept(parts: Parts, workload_id: str, source: str | None = None) -> None:
    """Refuse to show an empty log in the place of one that was removed.

    Raises:
        Removed: retention removed this source, or any if none is named.
    """
    for info in (await removed(parts, [workload_id])).get(workload_id, []):
        if source in (None, info.source):
            raise Removed(info.removal, workload_id=workload_id, sha256=info.sha256, size=info.size)


async def _info(parts: Parts, workload_id: str, source: str, gaps: list[Gap]) -> LogSource:
    stat = await parts.logs.stat(workload_id, source)
    return LogSource(
        workload_id=workload_id,
        source=source,
        size=stat.size,
        lines=stat.lines,
        sealed_at=instant(stat.sealed_ms),
        sha256=stat.sha256,
        gaps=gaps,
        first_at=instant(stat.first_ms),
        last_at=instant(stat.last_ms),
    )


async def _gap_rows(parts: Parts, workload_ids: Sequence[str]) -> Sequence[LogGapRow]:
    found = select(LogGapRow).where(LogGapRow.workload_id.in_(workload_ids)).order_by(LogGapRow.offset)
    async with parts.database.reader() as session:
        return (await session.scalars(found)).all()


def _gap(row: LogGapRow) -> Gap:
    return Gap.model_validate(row, from_attributes=True)


def instant(ms: int | None) -> datetime | None:
    """Milliseconds since the epoch as an aware time."""
    return None if ms is None else datetime.fromtimestamp(ms / 1000, UTC)


def _own(caller: Caller, workload_id: str) -> None:
    if caller.subject_id != workload_id:
        raise NotFound(f"There is no workload {workload_id!r}, or it is not yours to write to.")


def _ms(parts: Parts) -> int:
    return int(parts.clock.now().timestamp() * 1000)


async def _standing(parts: Parts, workload_id: str) -> Standing:
    activity, uptime = parts.log_activity, parts.clock.uptime()
    if not activity.listening:
        parts.wakeups.add(WORKLOADS, activity.moved)
        activity.listening = True
    if (known := activity.standing(workload_id, uptime)) is not None:
        return known
    asked = select(WorkloadRow.target, WorkloadRow.status).where(WorkloadRow.id == workload_id)
    async with parts.database.reader() as session:
        row = (await session.execute(asked)).one_or_none()
    if row is None:
        raise NotFound(f"There is no workload {workload_id!r}, or it is not yours to write to.")
    found = Standing(row.target == Target.STOPPED, Status(row.status) in FINAL, uptime + STANDING_SECONDS)
    activity.remember(workload_id, found, uptime)
    return found


async def _digest(parts: Parts, workload_id: str, source: str, size: int) -> str:
    digest = hashlib.sha256()
    for start in range(0, size, _PIECE):
        data = await parts.logs.read(workload_id, source, start, min(start + _PIECE, size))
        await asyncio.to_thread(digest.update, data)
    return digest.hexdigest()
