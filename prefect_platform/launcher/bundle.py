"""The code of a flow version: fetched, compared with its digest, and only then unpacked.

Nothing of an archive is written outside of its directory, and no link is ever made from it.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from prefect_platform.launcher.connection import Backoff, Connection
from prefect_platform.launcher.faults import BundleFault, Refused, Unreachable
from prefect_platform.wire.launch import Bundle

if TYPE_CHECKING:
    from zipfile import ZipFile, ZipInfo

CHUNK = 1 << 20
MAX_UNPACKED_BYTES = 8 << 30
MAX_MEMBERS = 200_000
METHODS = (0, 8)
"""Stored and deflated: the reader of any other unpacks a whole piece at once, however large it becomes."""


def fetch(
    connection: Connection, bundle: Bundle, target: Path, rest: Callable[[float, Unreachable], None]
) -> None:
    """Write the bytes of `bundle` to `target`. `rest` waits between attempts while the platform is away.

    Raises:
        BundleFault: the platform has not got it, or the bytes are others than were registered.
        LaunchFault: whatever `rest` raises to end the waiting.
    """
    backoff = Backoff()
    while True:
        try:
            _download(connection, bundle, target)
            return
        except Refused as refusal:
            raise BundleFault(f"The platform does not give out this version's code: {refusal}") from refusal
        except Unreachable as fault:
            rest(backoff.pause(), fault)


def _download(connection: Connection, bundle: Bundle, target: Path) -> None:
    digest, size = hashlib.sha256(), 0
    answer = connection.stream(bundle.path)
    try:
        with target.open("wb") as file:
            while size <= bundle.size and (data := answer.read(CHUNK)):
                digest.update(data)
                size += len(data)
                file.write(data)
    except (ConnectionError, TimeoutError) as error:
        raise Unreachable(f"The code stopped coming after {size} bytes: {error}") from error
    except OSError as error:
        raise BundleFault(f"The code could not be written to {target}: {error.strerror}.") from error
    finally:
        if not answer.complete:
            connection.close()
    if (size, digest.hexdigest()) != (bundle.size, bundle.sha256):
        target.unlink()
        raise BundleFault(
            f"The stored code of this version was altered: {bundle.size} bytes with SHA-256 "
            f"{bundle.sha256[:16]}… were registered, but others came. Register the flow again to store it."
        )


def unpack(archive: Path, directory: Path) -> int:
    """Unpack a checked archive below `directory`, and delete it. Returns the number of files.

    Raises:
        BundleFault: it is no zip archive, is too large, or wants to write elsewhere.
    """
    import zlib
    from zipfile import BadZipFile, ZipFile

    try:
        with ZipFile(archive) as bundle:
            members = bundle.infolist()
            _check(members)
            for member in members:
                _extract(bundle, member, directory)
    # RuntimeError: encrypted; ValueError: names that are not in the encoding they claim.
    except (BadZipFile, zlib.error, EOFError, RuntimeError, ValueError) as error:
        raise BundleFault(f"The code of this version is no readable archive: {error}.") from error
    except OSError as error:
        raise BundleFault(f"The code of this version could not be unpacked: {error}.") from error
    archive.unlink()
    return sum(not member.is_dir() for member in members)


def _check(members: list[ZipInfo]) -> None:
    if len(members) > MAX_MEMBERS:
        raise BundleFault(
            f"The code of this version has {len(members)} files; at most {MAX_MEMBERS} are taken."
        )
    size = sum(member.file_size for member in members)
    if size > MAX_UNPACKED_BYTES:
        raise BundleFault(
            f"The code of this version is {size} bytes unpacked; {MAX_UNPACKED_BYTES} are the most."
        )
    seen: set[str] = set()
    for member in members:
        _check_member(member, seen)


def _check_member(member: ZipInfo, seen: set[str]) -> None:
    path = PurePosixPath(member.filename)
    kind = stat.S_IFMT(member.external_attr >> 16)
    if path.is_absolute() or ".." in path.parts or "\\" in member.filename or not path.parts:
        raise BundleFault(
            f"The code of this version wants to be written outside of its place: {member.filename!r}."
        )
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise BundleFault(f"The code of this version has {member.filename!r}, which is no plain file.")
    if member.compress_type not in METHODS:
        raise BundleFault(f"The code of this version has {member.filename!r}, packed in an unknown way.")
    if str(path) in seen and not member.is_dir():
        raise BundleFault(f"The code of this version has {member.filename!r} twice.")
    seen.add(str(path))


def _extract(bundle: ZipFile, member: ZipInfo, directory: Path) -> None:
    """Write one member; a size that its header does not admit to is refused by the reader."""
    target = directory / member.filename
    if member.is_dir():
        target.mkdir(parents=True, exist_ok=True)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    executable = (member.external_attr >> 16) & stat.S_IXUSR
    fd = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o755 if executable else 0o644)
    with bundle.open(member) as source, os.fdopen(fd, "wb") as file:
        while data := source.read(CHUNK):
            file.write(data)
