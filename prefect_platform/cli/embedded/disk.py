"""How much of the disk the platform's stores take on this machine."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

STORES = (("logs", "logs"), ("bundles", "bundles"), ("results", "stored-results"))
"""Names, and the directories below the data directory."""
MOST_FILES = 20_000
"""So many are looked at in each store: a few tenths of a second."""


@dataclass(frozen=True)
class DiskUse:
    name: str
    bytes: int
    files: int
    whole: bool
    """Whether every file was looked at; otherwise both numbers are too small."""


@dataclass(frozen=True)
class Disk:
    stores: Sequence[DiskUse]
    free_bytes: int


def disk(data: Path) -> Disk | None:
    """What the stores below a data directory take; None where there is no such directory."""
    try:
        free = shutil.disk_usage(data).free
    except OSError:
        return None
    return Disk([_use(name, data / directory) for name, directory in STORES], free)


def _use(name: str, directory: Path) -> DiskUse:
    size, files, waiting = 0, 0, [os.fspath(directory)]
    while waiting and files < MOST_FILES:
        for entry in _entries(waiting.pop()):
            if entry.is_dir(follow_symlinks=False):
                waiting.append(entry.path)
            else:
                size, files = size + _size(entry), files + 1
    return DiskUse(name, size, files, not waiting)


def _entries(directory: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(directory) as found:
            return list(found)
    except OSError:  # not made yet, or removed meanwhile
        return []


def _size(entry: os.DirEntry[str]) -> int:
    try:
        return entry.stat(follow_symlinks=False).st_size
    except OSError:
        return 0
