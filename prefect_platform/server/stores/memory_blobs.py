"""`MemoryBlobs`: blobs in this process's memory, for tests."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator

from prefect_platform.errors import DigestMismatch, NotFound, TooLarge


class MemoryBlobs:
    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}
        """The bytes by digest; a test may damage them."""

    async def put(self, sha256: str, data: AsyncIterator[bytes], limit: int) -> int:
        whole = bytearray()
        async for piece in data:
            whole += piece
            if len(whole) > limit:
                raise TooLarge(f"Blob {sha256} has more than {limit} bytes.", limit=limit)
        _verify(sha256, whole)
        self.blobs[sha256] = bytes(whole)
        return len(whole)

    async def read(self, sha256: str) -> AsyncIterator[bytes]:
        if sha256 not in self.blobs:
            raise NotFound(f"There is no blob {sha256}.")
        _verify(sha256, self.blobs[sha256])
        yield self.blobs[sha256]

    async def size(self, sha256: str) -> int | None:
        found = self.blobs.get(sha256)
        return None if found is None else len(found)

    async def delete(self, sha256: str) -> None:
        self.blobs.pop(sha256, None)

    async def names(self) -> AsyncIterator[str]:
        for sha256 in list(self.blobs):
            yield sha256


def _verify(sha256: str, data: bytes | bytearray) -> None:
    have = hashlib.sha256(data).hexdigest()
    if have != sha256:
        raise DigestMismatch(f"Blob {sha256} has bytes with the SHA-256 {have}: send it again.", sha256=have)
