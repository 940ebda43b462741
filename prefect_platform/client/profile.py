"""The profile file: which platform this user works with, kept where only they can read it.

Standard library only: the command line reads it before it knows whether it needs the network.
"""

from __future__ import annotations

import json
import os
import stat
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from prefect_platform.errors import UsageError

FILE = "PREFECT_PLATFORM_PROFILE"
"""Variable that names another profile file."""


@dataclass(frozen=True)
class Profile:
    """What `up` or `login` wrote down."""

    url: str
    token: str = field(repr=False)
    project: str


def profile_path(environ: Mapping[str, str] = os.environ) -> Path:
    """Where the profile lies: `PREFECT_PLATFORM_PROFILE`, or below the user's configuration directory."""
    named = environ.get(FILE)
    if named:
        return Path(named).expanduser().absolute()
    base = environ.get("XDG_CONFIG_HOME") or "~/.config"
    return Path(base).expanduser().absolute() / "prefect-platform" / "profile.json"


def read_profile(path: Path) -> Profile | None:
    """The profile in `path`, or None where there is no such file.

    Raises:
        UsageError: the file is there and cannot be used; the message says what to do with it.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise _damaged(path, f"cannot be read ({error})") from error
    try:
        data = json.loads(text)
    except ValueError as error:
        raise _damaged(path, "is damaged: it is no JSON") from error
    if not isinstance(data, dict):
        raise _damaged(path, "is damaged: it holds no JSON object")
    values = {name: data.get(name) for name in ("url", "token", "project")}
    for name, value in values.items():
        if not isinstance(value, str) or not value:
            raise _damaged(path, f"is damaged: it has no {name!r}")
    return Profile(**{name: str(value) for name, value in values.items()})


def _damaged(path: Path, what: str) -> UsageError:
    return UsageError(
        f"The profile {path} {what}. Remove it, then run `prefect-platform up` or "
        "`prefect-platform login URL`."
    )


def write_profile(path: Path, profile: Profile) -> None:
    """Put `profile` into `path` with mode 0600, whole or not at all.

    Raises:
        UsageError: the file or its directory cannot be written.
    """
    try:
        _make_directory(path.parent)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise UsageError(
            f"The profile {path} cannot be written: {error}. {FILE} names another place."
        ) from error
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(asdict(profile), file, indent=2)
            file.write("\n")
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _make_directory(directory: Path) -> None:
    """Make a directory for profiles. One that is made here is no part of a project it may lie in."""
    if directory.is_dir():
        return
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    ignored = os.open(directory / ".gitignore", os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        os.write(ignored, b"*\n")
    finally:
        os.close(ignored)


def readable_by_others(path: Path) -> bool:
    """Whether somebody else on this machine may read the token in `path`."""
    try:
        return bool(path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH))
    except FileNotFoundError:
        return False
