"""What every blob store must do. Subclass `BlobStoreContract` in a test module: see `make` and `damage`."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from prefect_platform.errors import DigestMismatch, NotFound, TooLarge
from prefect_platform.server.stores.blobs import BlobStore

DATA = bytes(range(256)) * 10_000
"""More than one piece of any implementation."""
DIGEST = hashlib.sha256(DATA).hexdigest()
LIMIT = 1 << 30


async def stream(data: bytes, piece: int = 65_536) -> AsyncIterator[bytes]:
    """`data` as a request would bring it."""
    for start in range(0, len(data), piece):
        yield data[start : start + piece]


async def whole(store: BlobStore, sha256: str) -> bytes:
    return b"".join([piece async for piece in store.read(sha256)])


async def _collect(store: BlobStore, given: bytearray) -> None:
    async for piece in store.read(DIGEST):
        given += piece


class BlobStoreContract:
    """The contract of `BlobStore`, as tests."""

    def make(self, directory: Path) -> BlobStore:
        raise NotImplementedError

    def damage(self, store: BlobStore, sha256: str) -> None:
        """Change the last byte of a blob behind the store's back."""
        raise NotImplementedError

    @pytest.fixture
    def store(self, tmp_path: Path) -> BlobStore:
        return self.make(tmp_path)

    @pytest.mark.asyncio
    @pytest.mark.parametrize("data", [b"", b"x", DATA])
    async def test_what_was_put_is_read(self, store: BlobStore, data: bytes) -> None:
        sha256 = hashlib.sha256(data).hexdigest()
        assert await store.size(sha256) is None
        assert await store.put(sha256, stream(data), LIMIT) == len(data)
        assert await store.put(sha256, stream(data), LIMIT) == len(data)
        assert await whole(store, sha256) == data
        assert await store.size(sha256) == len(data)

    @pytest.mark.asyncio
    async def test_other_bytes_are_not_kept(self, store: BlobStore) -> None:
        with pytest.raises(DigestMismatch):
            await store.put(DIGEST, stream(b"other"), LIMIT)
        assert await store.size(DIGEST) is None
        with pytest.raises(NotFound):
            await whole(store, DIGEST)

    @pytest.mark.asyncio
    async def test_too_many_bytes_are_not_kept(self, store: BlobStore) -> None:
        with pytest.raises(TooLarge) as error:
            await store.put(DIGEST, stream(DATA), len(DATA) - 1)
        assert error.value.data["limit"] == len(DATA) - 1
        assert await store.size(DIGEST) is None
        assert await store.put(DIGEST, stream(DATA), len(DATA)) == len(DATA)

    @pytest.mark.asyncio
    async def test_an_upload_that_breaks_off_leaves_nothing(self, store: BlobStore) -> None:
        async def broken() -> AsyncIterator[bytes]:
            yield DATA[:100_000]
            raise ConnectionError("the client is gone")

        with pytest.raises(ConnectionError):
            await store.put(DIGEST, broken(), LIMIT)
        assert await store.size(DIGEST) is None

    @pytest.mark.asyncio
    async def test_a_damaged_blob_is_named_before_its_end_is_given(self, store: BlobStore) -> None:
        await store.put(DIGEST, stream(DATA), LIMIT)
        self.damage(store, DIGEST)
        given = bytearray()
        with pytest.raises(DigestMismatch, match=DIGEST):
            await _collect(store, given)
        assert len(given) < len(DATA)
        await store.put(DIGEST, stream(DATA), LIMIT)
        assert await whole(store, DIGEST) == DATA

    @pytest.mark.asyncio
    async def test_deleting_twice_is_no_fault(self, store: BlobStore) -> None:
        await store.put(DIGEST, stream(DATA), LIMIT)
        await store.delete(DIGEST)
        await store.delete(DIGEST)
        assert await store.size(DIGEST) is None

    @pytest.mark.asyncio
    async def test_names_are_those_of_the_blobs_that_are_there(self, store: BlobStore) -> None:
        assert [name async for name in store.names()] == []
        for data in (b"", b"x", DATA):
            await store.put(hashlib.sha256(data).hexdigest(), stream(data), LIMIT)
        with pytest.raises(DigestMismatch):
            await store.put("0" * 64, stream(DATA), LIMIT)
        await store.delete(DIGEST)
        there = {hashlib.sha256(data).hexdigest() for data in (b"", b"x")}
        assert {name async for name in store.names()} == there
