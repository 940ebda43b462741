"""Bundles: the bytes of a code digest, stored once a project under their own SHA-256."""

from __future__ import annotations

import asyncio
import tempfile
import zipfile
import zlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import IO

from sqlalchemy import ColumnElement, and_, delete, exists, func, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from prefect_platform.errors import Conflict, DigestMismatch, NotFound, Unavailable
from prefect_platform.server.db.tables import (
    AttemptRow,
    BundleRow,
    DeploymentRow,
    FlowRow,
    FlowVersionRow,
    RunRow,
    WorkloadRow,
)
from prefect_platform.server.services import projects, versions
from prefect_platform.server.services.blob_use import alone
from prefect_platform.server.services.callers import Caller
from prefect_platform.server.services.parts import Parts
from prefect_platform.wire.flows import BUNDLED, FlowVersion, SourceFile

MANIFEST = "bundle.json"
"""At the root of every bundle: what is in it. Not part of the flow's source."""
WHOLE_BYTES = 8 << 20
"""Bundles up to this size are checked before the first byte is sent; of larger ones the last piece
is held back until the digest was found right."""
MAX_SOURCE_BYTES = 1 << 20
MAX_SOURCE_TOTAL = 16 << 20
MAX_READ_TOTAL = 256 << 20
"""Unpacked to find that much text: an archive may name the same bytes any number of times."""
UNUSED = timedelta(days=1)


@dataclass(frozen=True)
class Content:
    """A bundle on its way out."""

    sha256: str
    size: int
    data: AsyncIterator[bytes]


@dataclass(frozen=True)
class Stored:
    sha256: str
    size: int


async def missing(parts: Parts, version: FlowVersion) -> bool:
    """Whether the platform still needs the bytes of this version's code."""
    if version.code.kind not in BUNDLED:
        return False
    return version.bundle_sha256 is None or await parts.blobs.size(version.bundle_sha256) is None


async def put(
    parts: Parts, caller: Caller, project_name: str, code_digest: str, sha256: str, data: AsyncIterator[bytes]
) -> Stored:
    """Store the bytes of a code digest. The first upload stands as long as its bytes are there.

    Raises:
        DigestMismatch: the bytes are not those that `sha256` names.
        TooLarge: they are over the platform's bound.
    """
    async with parts.database.session() as session:
        project = await projects.member(session, caller, project_name)
        found = await kept(session, parts, project.id, code_digest)
    if found is not None and await parts.blobs.size(found.sha256) is not None:
        return Stored(found.sha256, found.size)
    size = await parts.blobs.put(sha256, data, parts.config.limits.bundle_bytes)
    row = BundleRow(project_id=project.id, code_digest=code_digest, sha256=sha256, size=size)
    try:
        await _note(parts, row)
    except IntegrityError:  # the first uploads of a digest at the same moment: this one is as good
        await _note(parts, row)
    return Stored(sha256, size)


async def kept(session: AsyncSession, parts: Parts, project_id: str, code_digest: str) -> BundleRow | None:
    """The bundle of a code digest, which from here on is not removed for a while."""
    row = await session.get(BundleRow, (project_id, code_digest), with_for_update=True)
    if row is not None:
        row.created_at = parts.clock.now()
    return row


async def _note(parts: Parts, row: BundleRow) -> None:
    async with parts.database.session() as session:
        await alone(session, parts, row.sha256)
        row.created_at = parts.clock.now()
        await session.merge(row)
        await session.flush()
        # Nobody deletes the bytes from here on; but somebody may have, since they were stored.
        if await parts.blobs.size(row.sha256) is None:
            raise Unavailable("The bundle was removed while it was stored: run register again.")


async def open_(parts: Parts, caller: Caller, version_id: str) -> Content:
    """The bytes of a version's bundle.

    Raises:
        NotFound: the version has none.
        DigestMismatch: they were altered where they are stored; they are dropped, so that registering
            the flow again uploads them anew.
    """
    async with parts.database.reader() as session:
        version = await versions.find(session, caller, version_id)
        bundle = await session.get(BundleRow, (version.project_id, version.code_digest))
    size = await parts.blobs.size(bundle.sha256) if bundle is not None else None
    if bundle is None or size is None:
        raise NotFound(f"Version {version_id} has no bundle here: register the flow again, which uploads it.")
    data = _checked(parts, bundle.sha256, version_id)
    if size <= WHOLE_BYTES:
        data = _once(b"".join([piece async for piece in data]))
    return Content(bundle.sha256, size, data)


async def _checked(parts: Parts, sha256: str, version_id: str) -> AsyncIterator[bytes]:
    try:
        async for piece in parts.blobs.read(sha256):
            yield piece
    except DigestMismatch as error:
        await parts.blobs.delete(sha256)
        raise DigestMismatch(
            f"The bundle of version {version_id} was altered where the platform stores it, and was dropped. "
            "Register the flow again: that uploads it anew."
        ) from error


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data


async def source(parts: Parts, caller: Caller, version_id: str) -> list[SourceFile]:
    """The text files of a version's bundle, sorted by path; nothing where the platform stores none.

    Files over 1 MiB, files that are not UTF-8, and what lies past 16 MiB in all are left out.
    """
    shown = await versions.show(parts, caller, version_id)
    if shown.code.kind not in BUNDLED:
        return []
    content = await open_(parts, caller, version_id)
    with tempfile.SpooledTemporaryFile(max_size=WHOLE_BYTES) as file:
        async for piece in content.data:
            await asyncio.to_thread(file.write, piece)
        return await asyncio.to_thread(_texts, file, version_id)


def _texts(file: IO[bytes], version_id: str) -> list[SourceFile]:
    try:
        with zipfile.ZipFile(file) as archive:
            return _read_texts(archive)
    # RuntimeError: encrypted; ValueError: names that are not in the encoding they claim.
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError) as error:
        raise Conflict(f"The bundle of version {version_id} is no zip archive that can be read.") from error


def _read_texts(archive: zipfile.ZipFile) -> list[SourceFile]:
    found: list[SourceFile] = []
    left, readable = MAX_SOURCE_TOTAL, MAX_READ_TOTAL
    for info in sorted(archive.infolist(), key=lambda entry: entry.filename):
        if not _is_source(info, min(MAX_SOURCE_BYTES, left)) or readable < 0:
            continue
        with archive.open(info) as entry:
            data = entry.read(MAX_SOURCE_BYTES + 1)  # the size in the directory is only a claim
        readable -= len(data)
        if len(data) <= MAX_SOURCE_BYTES and (text := _text(data)) is not None:
            found.append(SourceFile(path=info.filename, text=text))
            left -= len(data)
    return found


def _is_source(info: zipfile.ZipInfo, most: int) -> bool:
    """Whether an entry may be shown. Only stored and deflated ones: of any other method the reader
    unpacks a whole piece at once, however large it becomes."""
    packed = info.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
    return packed and not info.is_dir() and info.filename != MANIFEST and info.file_size <= most


def _text(data: bytes) -> str | None:
    if b"\x00" in data:
        return None
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


async def reap(parts: Parts) -> int:
    """Remove bundles that nobody needs: no version names them for a day, or only versions of deleted flows,
    or only versions that retention says are unused; the number removed."""
    now, days = parts.clock.now(), parts.config.retention.bundle_days
    since = now - timedelta(days=days) if days else None
    gone = [BundleRow.created_at < now - UNUSED, ~_needed(since)]
    if since is not None:
        gone.append(or_(BundleRow.created_at < since, ~_needed(None)))
    async with parts.database.reader() as session:
        found = (await session.scalars(select(BundleRow).where(*gone))).all()
    for row in found:
        await _remove(parts, row, *gone)
    return len(found)


async def unused_of(session: AsyncSession, flow_id: str, *, gone: bool = False) -> Sequence[BundleRow]:
    """Bundles of a flow that nobody needs; with `gone` those that nobody would, were the flow not there."""
    mine = select(FlowVersionRow.code_digest).where(FlowVersionRow.flow_id == flow_id)
    project = select(FlowRow.project_id).where(FlowRow.id == flow_id).scalar_subquery()
    found = select(BundleRow).where(
        BundleRow.project_id == project,
        BundleRow.code_digest.in_(mine),
        ~_needed(None, without=flow_id if gone else ""),
    )
    return (await session.scalars(found.order_by(BundleRow.code_digest))).all()


async def remove_unused(parts: Parts, flow_id: str, code_digest: str) -> None:
    """Remove a bundle of a flow that goes, unless somebody uses it by now."""
    async with parts.database.reader() as session:
        found = [row for row in await unused_of(session, flow_id) if row.code_digest == code_digest]
    for row in found:
        await _remove(parts, row, ~_needed(None))


async def _remove(parts: Parts, row: BundleRow, *still: ColumnElement[bool]) -> None:
    """Remove the bytes and then the row, if all is `still` so. A row without bytes is a missing bundle, which
    a registration uploads again; bytes without a row would be found by nobody."""
    key = (BundleRow.project_id == row.project_id, BundleRow.code_digest == row.code_digest)
    async with parts.database.session() as session:
        await alone(session, parts, row.sha256)
        if await session.scalar(select(BundleRow).where(*key, *still).with_for_update()) is None:
            return
        users = await session.scalar(select(func.count()).where(BundleRow.sha256 == row.sha256))
        if users == 1:
            await parts.blobs.delete(row.sha256)
        await session.execute(delete(BundleRow).where(*key).execution_options(synchronize_session=False))


def _needed(since: datetime | None, without: str = "") -> ColumnElement[bool]:
    """That some version needs a bundle: one of a flow that stays, or of an attempt that goes on. With `since`
    the version is deployed too, or was registered or run after that. Flow `without` does not count."""
    stays: ColumnElement[bool] = exists().where(
        FlowRow.id == FlowVersionRow.flow_id, FlowRow.deleted_at.is_(None), FlowRow.deleting_at.is_(None)
    )
    if since is not None:
        deployed = exists().where(DeploymentRow.version_id == FlowVersionRow.id)
        run = exists().where(
            RunRow.version_id == FlowVersionRow.id, or_(RunRow.ended_at.is_(None), RunRow.ended_at >= since)
        )
        stays = and_(stays, or_(FlowVersionRow.created_at >= since, deployed, run))
    goes_on = exists().where(
        AttemptRow.version_id == FlowVersionRow.id,
        WorkloadRow.id == AttemptRow.workload_id,
        WorkloadRow.ended_at.is_(None),
    )
    return exists().where(
        FlowVersionRow.project_id == BundleRow.project_id,
        FlowVersionRow.code_digest == BundleRow.code_digest,
        FlowVersionRow.flow_id != without,
        or_(stays, goes_on),
    )
