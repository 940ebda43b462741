"""Results of tasks and flows: the bytes that a key stands for in a project, until nobody uses them any more.

A key may be written again, so its bytes are no longer needed some day; the same bytes may stand under
several keys. A blob is deleted only while nothing else can begin to use it: see `blob_use.alone`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete as delete_from
from sqlalchemy import exists, select, update
from sqlalchemy.exc import IntegrityError

from prefect_platform.errors import DigestMismatch, NotFound, Unavailable
from prefect_platform.server.db.tables import ResultRow
from prefect_platform.server.services import projects
from prefect_platform.server.services.blob_use import alone
from prefect_platform.server.services.callers import Caller
from prefect_platform.server.services.parts import Parts
from prefect_platform.wire.results import StoredResult

WHOLE_BYTES = 8 << 20
"""Results up to this size are read once and kept in memory; larger ones are read twice, so that their
digest too is found right before the first byte is sent."""
NOTED_AGAIN = timedelta(hours=1)
"""How exact the time of the last use is: not every read has to write."""
SWEPT_AT_ONCE = 500


@dataclass(frozen=True)
class Content:
    """A result on its way out."""

    sha256: str
    size: int
    data: bytes | AsyncIterator[bytes]


async def put(
    parts: Parts, caller: Caller, project_name: str, key: str, sha256: str, data: AsyncIterator[bytes]
) -> StoredResult:
    """Store bytes under a key, in place of those that it had.

    Raises:
        DigestMismatch: they are not those that `sha256` names; the key keeps what it had.
        TooLarge: they are over the platform's bound; the same.
    """
    async with parts.database.reader() as session:
        project = await projects.member(session, caller, project_name)
    size = await parts.results.put(sha256, data, parts.config.limits.result_bytes)
    at = parts.clock.now()
    row = ResultRow(
        project_id=project.id, key=key, sha256=sha256, size=size,
        created_by=caller.subject_id, created_at=at, used_at=at,
    )  # fmt: skip
    try:
        before = await _note(parts, row)
    except IntegrityError:  # the first two writes of a key at the same moment: now there is one to replace
        before = await _note(parts, row)
    await _drop_unused(parts, {before} - {None, sha256})
    return StoredResult(sha256=sha256, size=size)


async def _note(parts: Parts, row: ResultRow) -> str | None:
    """Let the key stand for the new bytes. Returns the digest of the old ones."""
    async with parts.database.session() as session:
        await alone(session, parts, row.sha256)
        found = await session.get(ResultRow, (row.project_id, row.key), with_for_update=True)
        before = found.sha256 if found is not None else None
        if found is None:
            session.add(row)
        else:
            found.sha256, found.size, found.created_by = row.sha256, row.size, row.created_by
            found.created_at, found.used_at = row.created_at, row.used_at
        await session.flush()
        # Nobody deletes them from here on; but somebody may have, since they were stored.
        if await parts.results.size(row.sha256) is None:
            raise Unavailable("The result was removed while it was stored: send it again.")
    return before


async def open_(parts: Parts, caller: Caller, project_name: str, key: str) -> Content:
    """The bytes that a key stands for, checked.

    Raises:
        NotFound: it stands for nothing.
        DigestMismatch: the bytes were altered where they are stored.
    """
    async with parts.database.reader() as session:
        project = await projects.member(session, caller, project_name)
        row = await session.get(ResultRow, (project.id, key))
    try:
        if row is None:
            raise NotFound(f"There is no result {key}.")
        await _used(parts, row)
        return Content(row.sha256, row.size, await _checked(parts, row))
    except NotFound as error:
        raise NotFound(
            f"Project {project_name!r} has no such result: it was never stored, or not used for "
            f"{parts.config.limits.result_days} days and deleted."
        ) from error
    except DigestMismatch as error:
        raise DigestMismatch(
            "This result was altered where the platform stores it, so it is not given out. Run the task or "
            "flow again: that stores it anew."
        ) from error


async def _checked(parts: Parts, row: ResultRow) -> bytes | AsyncIterator[bytes]:
    if row.size <= WHOLE_BYTES:
        return b"".join([piece async for piece in parts.results.read(row.sha256)])
    async for _ in parts.results.read(row.sha256):
        pass
    return parts.results.read(row.sha256)


async def _used(parts: Parts, row: ResultRow) -> None:
    """Note that a result is of use, so that it is kept."""
    at = parts.clock.now()
    if at - row.used_at < NOTED_AGAIN:
        return
    async with parts.database.session() as session:
        where = (ResultRow.project_id == row.project_id, ResultRow.key == row.key)
        await session.execute(update(ResultRow).where(*where).values(used_at=at))


async def delete(parts: Parts, caller: Caller, project_name: str, key: str) -> None:
    """Let a key stand for nothing. No-op if it does already."""
    async with parts.database.session() as session:
        project = await projects.member(session, caller, project_name)
        row = await session.get(ResultRow, (project.id, key))
        if row is None:
            return
        await session.delete(row)
    await _drop_unused(parts, {row.sha256})


async def reap(parts: Parts) -> int:
    """Delete results that are not used any more, and bytes that no key stands for; the number of results.

    Such bytes are left by a server that ended between its two steps.
    """
    days = parts.config.limits.result_days
    count = await _forget(parts, parts.clock.now() - timedelta(days=days)) if days else 0
    found: list[str] = []
    async for sha256 in parts.results.names():
        found.append(sha256)
        if len(found) == SWEPT_AT_ONCE:
            await _drop_unused(parts, await _unnamed(parts, found))
            found = []
    await _drop_unused(parts, await _unnamed(parts, found))
    return count


async def _forget(parts: Parts, last: datetime) -> int:
    async with parts.database.session() as session:
        gone = await session.scalars(
            delete_from(ResultRow)
            .where(ResultRow.used_at < last)
            .returning(ResultRow.key)
            .execution_options(synchronize_session=False)
        )
        return len(gone.all())


async def _unnamed(parts: Parts, found: list[str]) -> set[str]:
    async with parts.database.reader() as session:
        named = await session.scalars(select(ResultRow.sha256).where(ResultRow.sha256.in_(found)))
        return set(found) - set(named.all())


async def _drop_unused(parts: Parts, digests: Iterable[str | None]) -> None:
    """Delete those blobs that no key stands for."""
    for sha256 in filter(None, digests):
        async with parts.database.session() as session:
            await alone(session, parts, sha256)
            if not await session.scalar(select(exists().where(ResultRow.sha256 == sha256))):
                await parts.results.delete(sha256)
