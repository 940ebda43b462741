"""The SHA-256 of a growing file: fed while appending, or read back when it could not be."""

from __future__ import annotations

import hashlib
import threading

from prefect_platform.server.stores.disk import read_all

PIECE = 1 << 20


class RunningDigest:
    """The digest of the first `size` bytes. Has a lock of its own, so that a long catching up
    keeps nobody from reading or appending."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sha256 = hashlib.sha256()
        self._size = 0

    def feed(self, offset: int, data: memoryview) -> None:
        """Take bytes in passing, if they come next; otherwise `of` reads them later."""
        if not self._lock.acquire(blocking=False):
            return
        try:
            if self._size == offset:
                self._sha256.update(data)
                self._size += len(data)
        finally:
            self._lock.release()

    def forget(self) -> None:
        """The bytes are others now: `of` reads all of them again."""
        with self._lock:
            self._sha256, self._size = hashlib.sha256(), 0

    def of(self, descriptor: int, size: int) -> str:
        """The digest of the file's first `size` bytes."""
        with self._lock:
            if self._size > size:
                self._sha256, self._size = hashlib.sha256(), 0
            while self._size < size and (
                data := read_all(descriptor, self._size, min(self._size + PIECE, size))
            ):
                self._sha256.update(data)
                self._size += len(data)
            return self._sha256.hexdigest()
