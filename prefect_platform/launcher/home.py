"""Places below a home directory: folders are made on the way, and no link leads out.

Everything is done through open folders, step by step, so it holds whatever changes meanwhile.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from prefect_platform.launcher.faults import SecretFault

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def inner(path: str) -> list[str]:
    """The parts of a path below home.

    Raises:
        SecretFault: it is none.
    """
    parts = path.removeprefix("~/").split("/")
    if not path.startswith("~/") or {"", ".", ".."} & set(parts) or "\0" in path:
        raise SecretFault(f"{path!r} is no path of a file below the home directory.")
    return parts


@contextmanager
def folder_of(home: Path, path: str) -> Iterator[int]:
    """The folder that `path` lies in, open while the block runs; what is missing of it is made, mode 0700.

    Raises:
        SecretFault: home is not there, or a link on the way leads out of it.
        OSError: a folder cannot be made or entered.
    """
    real = Path(os.path.realpath(home))
    if not real.is_dir():
        raise SecretFault(
            f"{path} cannot be made: the home directory {home} of the run's user does not exist. Make it, or "
            "attach the secret as a variable."
        )
    folder = Path(os.path.realpath(real.joinpath(*inner(path)[:-1])))
    if not folder.is_relative_to(real):
        raise SecretFault(f"{path} cannot be made: a link on the way leads out of home, to {folder}.")
    here = _entered(real, folder.relative_to(real).parts)
    try:
        yield here
    finally:
        os.close(here)


def _entered(home: Path, parts: tuple[str, ...]) -> int:
    here = os.open(home, _FOLDER)
    for part in parts:
        try:
            with suppress(FileExistsError):
                os.mkdir(part, 0o700, dir_fd=here)
            below = os.open(part, _FOLDER, dir_fd=here)
        finally:
            os.close(here)
        here = below
    return here
