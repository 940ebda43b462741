"""Files of secrets that a launcher could not remove any more: those in its record that nobody holds.

The record lies where user code can write, so a name alone counts for nothing: only the very file that was
recorded is removed, by device and inode, and through no link.
"""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from prefect_platform.backends.local import recovery

RECORD = "secret-files.json"
"""As `launcher/secret_files.py` writes it."""


def remove(directory: Path) -> None:
    """Remove what the record in a workload's directory names. No-op where there is none.

    A name that user code has put there, and that nobody can open, keeps nothing from being removed.
    """
    for names, mark, device, inode in _recorded(directory):
        held = False
        for name in names:
            with suppress(OSError, ValueError):
                held = not _remove(Path(name), device, inode) or held
        # While another run holds the file, its mark tells those who come that it is one of ours.
        if not held and mark is not None and Path(mark).name == f"{device}-{inode}":
            with suppress(OSError, ValueError):
                Path(mark).unlink(missing_ok=True)


def _recorded(directory: Path) -> Iterator[tuple[list[str], str | None, int, int]]:
    for one in recovery.records(directory / RECORD):
        path, draft, mark = one.get("path"), one.get("draft"), one.get("mark")
        device, inode = one.get("device"), one.get("inode")
        if isinstance(device, int) and isinstance(inode, int):
            names = [name for name in (path, draft) if isinstance(name, str) and name.startswith("/")]
            yield names, mark if isinstance(mark, str) else None, device, inode


def _remove(path: Path, device: int, inode: int) -> bool:
    """False where a launcher holds the file: it is in use by another run, which removes it."""
    with recovery.opened(path) as file:
        if file is None:
            return True
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode) or (found.st_dev, found.st_ino) != (device, inode):
            return True
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        path.unlink(missing_ok=True)
        return True
