"""A bundle: one zip with the files of a version and `bundle.json`, never whole in memory.

The same content gives the same bytes: sorted paths, one fixed time, one mode.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path

from prefect_platform.errors import RegistrationError
from prefect_platform.flows.capture.captured import Captured, Entry
from prefect_platform.wire.flows import MAX_BUNDLE_BYTES

MANIFEST = "bundle.json"
_EPOCH = (1980, 1, 1, 0, 0, 0)
_MODE = 0o100644 << 16
_LARGE = 8 << 20
"""Bytes from which speed counts more than size: such files are mostly numbers."""
_PIECE = 1 << 20


@dataclass(frozen=True)
class Bundle:
    path: Path
    sha256: str
    size: int


def build(captured: Captured, path: Path) -> Bundle:
    """Write the bundle to `path`.

    Raises:
        RegistrationError: it is larger than any platform takes.
    """
    with zipfile.ZipFile(path, "w") as archive:
        # A project's own file of this name wins: the flow may read it, and runs do without the manifest.
        if all(entry.path != MANIFEST for entry in captured.entries):
            _add(archive, Entry.of_bytes(MANIFEST, manifest(captured)))
        for entry in captured.entries:
            _add(archive, entry)
    size = path.stat().st_size
    if size > MAX_BUNDLE_BYTES:
        raise RegistrationError(
            f"What would travel is {size >> 20:,} MiB, more than the {MAX_BUNDLE_BYTES >> 20:,} MiB a "
            "platform takes. Leave data out with .platformignore, or load it inside the flow."
        )
    with path.open("rb") as stream:
        return Bundle(path, hashlib.file_digest(stream, "sha256").hexdigest(), size)


def manifest(captured: Captured) -> bytes:
    """`bundle.json`: what is in the bundle and how it is entered."""
    files = [{"path": e.path, "size": e.size, "sha256": e.sha256} for e in captured.entries]
    described = {
        "format": 1,
        "kind": captured.kind.value,
        "entrypoint": captured.entrypoint,
        "code_digest": captured.digest,
        "files": files,
    }
    return json.dumps(described, indent=1, sort_keys=True).encode()


def _add(archive: zipfile.ZipFile, entry: Entry) -> None:
    info = zipfile.ZipInfo(entry.path, _EPOCH)
    info.external_attr, info.create_system, info.file_size = _MODE, 3, entry.size
    info.compress_type = zipfile.ZIP_DEFLATED
    # The level is a private field of ZipInfo, public only as the archive's default.
    archive.compresslevel = 1 if entry.size >= _LARGE else 6
    with archive.open(info, "w", force_zip64=entry.size >= 1 << 31) as target:
        if isinstance(entry.content, bytes):
            target.write(entry.content)
            return
        with entry.content.open("rb") as source:
            shutil.copyfileobj(source, target, _PIECE)
