"""Whether a file is as it was when it was read: by size and times, as git looks at it.

A kernel registers again and again, and what lies in its packages hardly ever changes.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

SETTLED_NS = 2_000_000_000
"""Clocks of file systems are coarse: another change so soon after one may leave no trace."""


class FileState(NamedTuple):
    """One file at one moment. Writing to it, or replacing it, changes this."""

    path: str
    inode: int
    size: int
    written_ns: int
    changed_ns: int


def state(file: Path) -> FileState:
    """Raises: OSError, if it is not there or may not be looked at."""
    found = file.stat()
    return FileState(str(file), found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def settled(states: Iterable[FileState]) -> bool:
    """Whether these were looked at long enough after their last change for what is read of them now to be
    kept."""
    before = time.time_ns() - SETTLED_NS
    return all(max(one.written_ns, one.changed_ns) < before for one in states)
