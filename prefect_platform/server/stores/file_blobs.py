"""`FileBlobs`: one file a blob, at `<first two characters>/<digest>`.

A blob is written beside its place, checked, made durable and then renamed: at its name there is
never anything but the whole of it. Storing one again writes it again, which mends a damaged one.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import BinaryIO

from prefect_platform.errors import DigestMismatch, NotFound, TooLarge, UsageError, foreign
from prefect_platform.names import new_id
from prefect_platform.server.stores.disk import full_disk, private_directory, sync_directory

PIECE = 1 << 20
ABANDONED_SECONDS = 86_400
"""A partial file older than this was left by a process that is gone."""
CAME_WITH_OTHERS = "came with other bytes: send it again"
_SHA256 = re.compile(r"[0-9a-f]{64}")


class FileBlobs:
    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._partial = directory / "partial"

    async def put(self, sha256: str, data: AsyncIterator[bytes], limit: int) -> int:
        place = self._place(sha256)
        with full_disk(self.directory):
            held, whole = await _first(data)
            if whole:
                return await asyncio.to_thread(self._put_whole, place, sha256, held, limit)
            partial = await asyncio.to_thread(self._make_room, place)
            try:
                size = await _receive(partial, sha256, _after(held, data), limit)
                await asyncio.to_thread(_settle, partial, place)
            finally:
                partial.unlink(missing_ok=True)
        return size

    def _put_whole(self, place: Path, sha256: str, data: bytearray, limit: int) -> int:
        """The same in one go, for what is small: waiting for each step apart costs more than the steps."""
        _check_size(sha256, len(data), limit)
        digest = hashlib.sha256()
        partial = self._make_room(place)
        try:
            with _create(partial) as file:
                _write(file, digest, data)
                _verify(sha256, digest.hexdigest(), CAME_WITH_OTHERS)
                os.fsync(file.fileno())
            _settle(partial, place)
        finally:
            partial.unlink(missing_ok=True)
        return len(data)

    async def read(self, sha256: str) -> AsyncIterator[bytes]:
        """The bytes in pieces of `PIECE`; the last comes after the digest was found right."""
        try:
            file, digest, held = await asyncio.to_thread(_begin, self._place(sha256))
        except FileNotFoundError:
            raise NotFound(f"There is no blob {sha256}.") from None
        with file:
            while len(held) == PIECE and (piece := await asyncio.to_thread(_next, file, digest)):
                yield held
                held = piece
            _verify(sha256, digest.hexdigest(), "on disk is damaged: register again to store it anew")
            yield held

    async def size(self, sha256: str) -> int | None:
        try:
            return (await asyncio.to_thread(self._place(sha256).stat)).st_size
        except FileNotFoundError:
            return None

    async def delete(self, sha256: str) -> None:
        await asyncio.to_thread(self._place(sha256).unlink, missing_ok=True)

    async def names(self) -> AsyncIterator[str]:
        for first in await asyncio.to_thread(_names_in, self.directory):
            for name in await asyncio.to_thread(_names_in, self.directory / first):
                if _SHA256.fullmatch(name):
                    yield name

    def _place(self, sha256: str) -> Path:
        if not _SHA256.fullmatch(sha256):
            raise UsageError(f"{foreign(sha256)!r} is not a SHA-256 in lowercase hexadecimal.")
        return self.directory / sha256[:2] / sha256

    def _make_room(self, place: Path) -> Path:
        """The path of a new partial file; old ones that nobody writes any more go."""
        for directory in (place.parent, self._partial):
            private_directory(directory)
        for left in self._partial.iterdir():
            try:
                if time.time() - left.stat().st_mtime > ABANDONED_SECONDS:
                    left.unlink()
            except FileNotFoundError:
                continue  # its writer was quicker
        return self._partial / new_id("blob")


async def _first(data: AsyncIterator[bytes]) -> tuple[bytearray, bool]:
    """The beginning, up to a piece, and whether that is all."""
    held = bytearray()
    async for piece in data:
        held += piece
        if len(held) >= PIECE:
            return held, False
    return held, True


async def _after(held: bytearray, data: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield bytes(held)
    async for piece in data:
        yield piece


def _check_size(sha256: str, size: int, limit: int) -> None:
    if size > limit:
        raise TooLarge(f"Blob {sha256} has more than {limit} bytes.", limit=limit)


async def _receive(partial: Path, sha256: str, data: AsyncIterator[bytes], limit: int) -> int:
    digest, size, held = hashlib.sha256(), 0, bytearray()
    with await asyncio.to_thread(_create, partial) as file:
        async for piece in data:
            size += len(piece)
            _check_size(sha256, size, limit)
            held += piece
            if len(held) >= PIECE:
                await asyncio.to_thread(_write, file, digest, held)
                held = bytearray()
        await asyncio.to_thread(_write, file, digest, held)
        _verify(sha256, digest.hexdigest(), CAME_WITH_OTHERS)
        await asyncio.to_thread(os.fsync, file.fileno())
    return size


def _names_in(directory: Path) -> list[str]:
    try:
        return os.listdir(directory)  # noqa: PTH208 - names are all that is wanted
    except (FileNotFoundError, NotADirectoryError):
        return []


def _create(partial: Path) -> BinaryIO:
    return os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb", 0)


def _write(file: BinaryIO, digest: hashlib._Hash, data: bytearray) -> None:
    digest.update(data)
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]


def _begin(place: Path) -> tuple[BinaryIO, hashlib._Hash, bytes]:
    """The file and its first piece, which is most often all of it."""
    file, digest = place.open("rb", 0), hashlib.sha256()
    return file, digest, _next(file, digest)


def _next(file: BinaryIO, digest: hashlib._Hash) -> bytes:
    piece = file.read(PIECE)
    digest.update(piece)
    return piece


def _settle(partial: Path, place: Path) -> None:
    partial.replace(place)
    sync_directory(place.parent)


def _verify(sha256: str, have: str, otherwise: str) -> None:
    if have != sha256:
        raise DigestMismatch(f"Blob {sha256} {otherwise}. Its SHA-256 is {have}.", sha256=have)
