"""Bundles: whole and right, or not there."""

from __future__ import annotations

import io
import zipfile
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from prefect_platform.errors import Conflict, DigestMismatch, NotFound, TooLarge
from prefect_platform.server.config import LimitSettings
from prefect_platform.server.services import bundles, registration
from prefect_platform.server.services.callers import Caller
from prefect_platform.server.services.parts import Parts
from prefect_platform.server.stores.file_blobs import FileBlobs
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
