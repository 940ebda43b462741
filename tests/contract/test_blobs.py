"""Both blob stores keep the contract."""

from __future__ import annotations

from pathlib import Path

from prefect_platform.server.stores.blobs import BlobStore
from prefect_platform.server.stores.file_blobs import FileBlobs
from prefect_platform.server.stores.memory_blobs import MemoryBlobs
from prefect_platform.testing.blob_store_contract import BlobStoreContract


class TestFileBlobs(BlobStoreContract):
    def make(self, directory: Path) -> BlobStore:
        return FileBlobs(directory)

    def damage(self, store: BlobStore, sha256: str) -> None:
        assert isinstance(store, FileBlobs)
        path = store.directory / sha256[:2] / sha256
        data = bytearray(path.read_bytes())
        data[-1] ^= 1
        path.write_bytes(data)


class TestMemoryBlobs(BlobStoreContract):
    def make(self, directory: Path) -> BlobStore:
        return MemoryBlobs()

    def damage(self, store: BlobStore, sha256: str) -> None:
        assert isinstance(store, MemoryBlobs)
        data = store.blobs[sha256]
        store.blobs[sha256] = data[:-1] + bytes([data[-1] ^ 1])
