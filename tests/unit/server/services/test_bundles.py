"""Bundles: whole and right, or not there."""

from __future__ import annotations

import asyncio
import io
import zipfile
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select, update

from prefect_platform.errors import Conflict, DigestMismatch, NotFound, TooLarge, Unavailable
from prefect_platform.server.config import LimitSettings
from prefect_platform.server.db.tables import BundleRow
from prefect_platform.server.services import bundles, registration
from prefect_platform.server.services.callers import Caller
from prefect_platform.server.services.parts import Parts
from prefect_platform.server.stores.file_blobs import FileBlobs
from prefect_platform.server.stores.memory_blobs import MemoryBlobs
from prefect_platform.testing.manual_clock import ManualClock
from prefect_platform.wire.tokens import TokenKind
from tests import server_calls

CODE = server_calls.zipped(
    {
        "bundle.json": b"{}",
        "flow.py": "print('é')\n".encode(),
        "sql/a.sql": b"select 1",
        "data.bin": b"\x00\x01",
        "latin.txt": "é".encode("latin-1"),
        "long.txt": b"x" * (bundles.MAX_SOURCE_BYTES + 1),
    }
)


async def stored(parts: Parts, data: bytes = CODE) -> str:
    """A version with its bundle; the version's id."""
    owner = await server_calls.owner(parts)
    made = await registration.register(parts, owner, "default", server_calls.registration())
    digest = server_calls.sha256(data)
    told = await bundles.put(parts, owner, "default", server_calls.DIGEST, digest, server_calls.pieces(data))
    assert (told.sha256, told.size) == (digest, len(data))
    return made.version.id


async def received(parts: Parts, caller: Caller, version_id: str) -> bytes:
    content = await bundles.open_(parts, caller, version_id)
    return b"".join([piece async for piece in content.data])


@pytest.mark.asyncio
async def test_bytes_come_back_as_they_went(parts: Parts) -> None:
    version_id = await stored(parts)
    assert await received(parts, await server_calls.agent(parts), version_id) == CODE


@pytest.mark.asyncio
async def test_wrong_bytes_are_not_kept(parts: Parts) -> None:
    owner, wrong = await server_calls.owner(parts), "f" * 64
    with pytest.raises(DigestMismatch):
        await bundles.put(parts, owner, "default", server_calls.DIGEST, wrong, server_calls.pieces(CODE))
    made = await registration.register(parts, owner, "default", server_calls.registration())
    assert made.bundle_missing
    with pytest.raises(NotFound, match="register the flow again"):
        await bundles.open_(parts, owner, made.version.id)


@pytest.mark.asyncio
async def test_the_first_upload_stands_and_the_second_is_not_read(parts: Parts) -> None:
    await stored(parts)

    async def untouched() -> AsyncIterator[bytes]:
        raise AssertionError("read")
        yield b""

    owner = await server_calls.owner(parts)
    told = await bundles.put(parts, owner, "default", server_calls.DIGEST, "f" * 64, untouched())
    assert told.sha256 == server_calls.sha256(CODE)


@pytest.mark.asyncio
async def test_a_bound_on_bundles(parts: Parts) -> None:
    small = replace(parts, config=replace(parts.config, limits=LimitSettings(bundle_bytes=100)))
    with pytest.raises(TooLarge):
        await stored(small)


@pytest.mark.asyncio
@pytest.mark.parametrize("size", [1000, bundles.WHOLE_BYTES + 1000])
async def test_an_altered_bundle_is_refused_dropped_and_repaired(
    parts: Parts, tmp_path: Path, size: int
) -> None:
    parts = replace(parts, blobs=FileBlobs(tmp_path / "blobs"))
    data, owner = bytes(size), await server_calls.owner(parts)
    version_id = await stored(parts, data)
    place = next(path for path in (tmp_path / "blobs").rglob("*") if path.is_file())
    place.chmod(0o600)
    place.write_bytes(b"!" + data[1:])
    with pytest.raises(DigestMismatch, match=r"was altered.*Register the flow again"):
        await received(parts, owner, version_id)
    again = await registration.register(parts, owner, "default", server_calls.registration())
    assert again.bundle_missing
    await stored(parts, data)
    assert await received(parts, owner, version_id) == data


@pytest.mark.asyncio
async def test_a_workload_gets_its_own_version_alone(parts: Parts) -> None:
    version_id = await stored(parts)
    project = await server_calls.project_id(parts)
    stranger = Caller(TokenKind.WORKLOAD, "tk", "wl-1", project_id=project, subject_id="wl-1")
    with pytest.raises(NotFound):
        await bundles.open_(parts, stranger, version_id)


@pytest.mark.asyncio
async def test_source_is_the_text_of_a_bundle(parts: Parts) -> None:
    version_id = await stored(parts)
    found = await bundles.source(parts, await server_calls.owner(parts), version_id)
    assert [(one.path, one.text) for one in found] == [("flow.py", "print('é')\n"), ("sql/a.sql", "select 1")]


@pytest.mark.asyncio
async def test_source_of_what_is_no_zip(parts: Parts) -> None:
    version_id = await stored(parts, b"no archive")
    with pytest.raises(Conflict, match="no zip archive"):
        await bundles.source(parts, await server_calls.owner(parts), version_id)


@pytest.mark.asyncio
async def test_source_is_bounded_whatever_the_archive_claims(parts: Parts) -> None:
    files = {f"{n:02}.txt": b"y" * bundles.MAX_SOURCE_BYTES for n in range(20)}
    version_id = await stored(parts, server_calls.zipped(files))
    found = await bundles.source(parts, await server_calls.owner(parts), version_id)
    assert len(found) == bundles.MAX_SOURCE_TOTAL // bundles.MAX_SOURCE_BYTES


@pytest.mark.asyncio
@pytest.mark.parametrize(("good", "bad"), [(b"x" * 100, b"y" * 100), ("é".encode(), b"\xff\xfe")])
async def test_source_of_an_archive_that_is_broken_inside(parts: Parts, good: bytes, bad: bytes) -> None:
    whole = server_calls.zipped({"é.py": b"x" * 100})
    version_id = await stored(parts, whole.replace(good, bad))
    with pytest.raises(Conflict, match="no zip archive"):
        await bundles.source(parts, await server_calls.owner(parts), version_id)


@pytest.mark.asyncio
async def test_source_unpacks_only_so_much(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("packed.txt", "z" * 1000, zipfile.ZIP_BZIP2)
        for name in ("a.bin", "b.bin"):
            archive.writestr(name, b"\0" * 1000)
        archive.writestr("c.txt", "seen")
        archive.writestr("d.txt", "not any more")
    version_id = await stored(parts, buffer.getvalue())
    monkeypatch.setattr(bundles, "MAX_READ_TOTAL", 2003)
    found = await bundles.source(parts, await server_calls.owner(parts), version_id)
    assert [one.path for one in found] == ["c.txt"]


class Deleting(MemoryBlobs):
    """Its deletes wait for a word."""

    def __init__(self) -> None:
        super().__init__()
        self.deleting, self.go = asyncio.Event(), asyncio.Event()

    async def delete(self, sha256: str) -> None:
        self.deleting.set()
        await self.go.wait()
        await super().delete(sha256)


async def put(parts: Parts, digest: str) -> None:
    owner, sha256 = await server_calls.owner(parts), server_calls.sha256(CODE)
    await bundles.put(parts, owner, "default", digest, sha256, server_calls.pieces(CODE))


async def a_day_later(parts: Parts) -> None:
    assert isinstance(parts.clock, ManualClock)
    await parts.clock.advance(bundles.UNUSED.total_seconds() + 1)


async def unbacked(parts: Parts) -> int:
    """Bundles that are noted and not there."""
    async with parts.database.reader() as session:
        digests = (await session.scalars(select(BundleRow.sha256))).all()
    return sum([await parts.blobs.size(sha256) is None for sha256 in digests])


@pytest.mark.asyncio
async def test_an_upload_while_the_same_bytes_are_removed_is_whole_or_refused(parts: Parts) -> None:
    blobs = Deleting()
    parts = replace(parts, blobs=blobs)
    await put(parts, "a" * 64)
    await a_day_later(parts)
    reaping = asyncio.create_task(bundles.reap(parts))
    await blobs.deleting.wait()
    putting = asyncio.create_task(put(parts, "b" * 64))
    await asyncio.wait([putting], timeout=0.5)  # it ends, or waits for the sweep
    blobs.go.set()
    (refused,) = await asyncio.gather(putting, return_exceptions=True)
    assert await reaping == 1
    assert refused is None or isinstance(refused, Unavailable)
    assert await unbacked(parts) == 0
    await put(parts, "b" * 64)
    assert await unbacked(parts) == 0


@pytest.mark.asyncio
async def test_what_is_asked_for_again_is_not_removed(parts: Parts) -> None:
    await put(parts, "a" * 64)
    await a_day_later(parts)
    await put(parts, "a" * 64)
    assert await bundles.reap(parts) == 0
    await a_day_later(parts)
    assert await bundles.reap(parts) == 1


@pytest.mark.asyncio
async def test_sweeps_beside_registrations_leave_no_version_without_its_code(parts: Parts) -> None:
    """Each registers code whose bundle is unused for long, and might be removed at this moment."""
    owner = await server_calls.owner(parts)
    long_ago = parts.clock.now() - 2 * bundles.UNUSED

    async def register(n: int) -> None:
        digest = f"{n:064x}"
        wanted = server_calls.registration(flow=f"flow-{n}", digest=digest)
        await put(parts, digest)
        async with parts.database.session() as session:
            await session.execute(
                update(BundleRow).where(BundleRow.code_digest == digest).values(created_at=long_ago)
            )
        while (made := await registration.register(parts, owner, "default", wanted)).bundle_missing:
            with suppress(Unavailable):
                await put(parts, digest)
        assert await received(parts, owner, made.version.id) == CODE

    async def sweep() -> None:
        for _ in range(4):
            await bundles.reap(parts)

    await asyncio.gather(*(step for n in range(8) for step in (register(n), sweep())))
    assert await unbacked(parts) == 0
