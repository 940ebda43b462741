"""Removing a workload's directory: only below the backend's own, and never through a link."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from prefect_platform.backends.local.place import Place
from prefect_platform.errors import Conflict


def require_below(root: Path, place: Place) -> None:
    """Refuse a handle that names a directory which is not ours to use.

    Raises:
        Conflict: the directory is not the one of this workload below `root`.
    """
    if place.directory != Place.of(root, place.workload_id, 0).directory:
        raise Conflict(
            f"Workload {place.workload_id} is at {place.directory}, and this backend keeps its workloads in"
            f" {root}: start the platform with the data directory that it was started with."
        )


def without(directory: Path) -> None:
    """See that `directory` is gone, with everything in it. A link in its place is removed, not followed."""
    if directory.is_symlink():
        directory.unlink()
        return
    try:
        shutil.rmtree(directory)
    except FileNotFoundError:
        return
    except PermissionError:  # user code may have taken the owner's rights from its own directories
        open_up(directory)
        shutil.rmtree(directory)


def open_up(directory: Path) -> None:
    """Give the owner back the right to empty `directory` and everything below it."""
    directory.chmod(0o700)
    for folder, names, _ in os.walk(directory):
        for below in (Path(folder, name) for name in names):
            if not below.is_symlink():
                below.chmod(0o700)
