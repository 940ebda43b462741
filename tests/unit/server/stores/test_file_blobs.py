"""Files of blobs: a blob is there whole or not at all."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

import pytest

from prefect_platform.errors import DigestMismatch, StorageFull, UsageError
from prefect_platform.server.stores.file_blobs import ABANDONED_SECONDS, FileBlobs
from prefect_platform.testing.blob_store_contract import DATA, DIGEST, LIMIT, stream, whole


def files(directory: Path) -> list[Path]:
    return [path for path in directory.rglob("*") if path.is_file()]


@pytest.mark.asyncio
async def test_a_full_disk_is_told_and_leaves_nothing(small_disk: Path) -> None:
    store = FileBlobs(small_disk)
    with pytest.raises(StorageFull):
        await store.put(DIGEST, stream(DATA), LIMIT)
    assert files(small_disk) == [small_disk / "ballast"]
    small = b"x" * 100_000
    await store.put(hashlib.sha256(small).hexdigest(), stream(small), LIMIT)
    assert await whole(store, hashlib.sha256(small).hexdigest()) == small


@pytest.mark.asyncio
async def test_refused_bytes_leave_nothing(tmp_path: Path) -> None:
    with pytest.raises(DigestMismatch, match=DIGEST):
        await FileBlobs(tmp_path).put(DIGEST, stream(b"other"), LIMIT)
    assert files(tmp_path) == []


@pytest.mark.asyncio
async def test_what_a_dead_process_left_goes_after_a_day(tmp_path: Path) -> None:
    store = FileBlobs(tmp_path)
    await store.put(DIGEST, stream(DATA), LIMIT)
    old, young = tmp_path / "partial" / "blob-old", tmp_path / "partial" / "blob-young"
    for left in (old, young):
        left.write_bytes(b"half")
    past = time.time() - ABANDONED_SECONDS - 60
    os.utime(old, (past, past))
    await store.put(DIGEST, stream(DATA), LIMIT)
    assert not old.exists()
    assert young.exists()


@pytest.mark.asyncio
@pytest.mark.parametrize("name", ["", "..", "../" + "a" * 61, "A" * 64, "a" * 63, "a" * 64 + "\n"])
async def test_only_a_digest_is_a_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError):
        await FileBlobs(tmp_path).size(name)
    with pytest.raises(UsageError):
        await FileBlobs(tmp_path).put(name, stream(DATA), LIMIT)


@pytest.mark.asyncio
async def test_blobs_are_private(tmp_path: Path) -> None:
    await FileBlobs(tmp_path).put(DIGEST, stream(DATA), LIMIT)
    (found,) = files(tmp_path)
    assert found == tmp_path / DIGEST[:2] / DIGEST
    assert found.stat().st_mode & 0o777 == 0o600
