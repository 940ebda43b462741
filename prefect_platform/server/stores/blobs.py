"""`BlobStore`: immutable bytes by SHA-256."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol


class BlobStore(Protocol):
    """Content-addressed bytes. A blob is there whole and right, or it is not there.

    Implementations verify on the way in and on the way out: `DigestMismatch` names a blob whose
    bytes are not what its name says, `NotFound` one that is absent, `StorageFull` a full disk.
    """

    async def put(self, sha256: str, data: AsyncIterator[bytes], limit: int) -> int:
        """Store the bytes under their digest and return their number. Storing again is a no-op.

        Raises:
            DigestMismatch: the bytes have another digest; nothing was kept.
            TooLarge: more than `limit` bytes came; nothing was kept.
            StorageFull: there is no room; nothing was kept.
        """
        ...

    def read(self, sha256: str) -> AsyncIterator[bytes]:
        """The bytes, in pieces; the last piece comes only after the digest was found right."""
        ...

    async def size(self, sha256: str) -> int | None:
        """Number of bytes, or None if there is no such blob."""
        ...

    async def delete(self, sha256: str) -> None:
        """Forget a blob. No-op if it is absent."""
        ...

    def names(self) -> AsyncIterator[str]:
        """The digest of every blob, in no order; those that come or go meanwhile may be missing."""
        ...
