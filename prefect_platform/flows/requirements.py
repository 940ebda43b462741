"""Requirements that a flow adds to its environment: a list, or a file as `pip` reads it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from packaging.requirements import InvalidRequirement, Requirement

from prefect_platform.errors import RegistrationError, foreign
from prefect_platform.flows.capture.project_files import project_folder

MOST = 1000
_INDEXES = ("--index-url", "-i", "--extra-index-url", "--find-links", "-f")
_LONG = {"-i": "--index-url", "-f": "--find-links"}
_INCLUDES = ("-r", "--requirement")
_OPTION = re.compile(r"(--?[A-Za-z][A-Za-z-]*)(?:\s+|=|(?<=^-\w))?(.*)")
_HASH = re.compile(r"\s--hash[= ]\S+")
_COMMENT = re.compile(r"(^|\s)#.*")


@dataclass
class Requirements:
    """Lines that are installed as they are, and what should be said of them."""

    lines: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def check_requirements(packages: Any, file: Any) -> Requirements:
    """The two arguments `packages` and `requirements`, together.

    Raises:
        RegistrationError: a line is no requirement, or one that a run could not install; it is named.
    """
    found = Requirements()
    for number, line in enumerate(_packages(packages), 1):
        found.lines.append(_requirement(line, f"packages, entry {number}"))
    if file is not None:
        _read(found, _path(file), [])
    found.lines = list(dict.fromkeys(found.lines))
    if len(found.lines) > MOST:
        raise RegistrationError(f"There are {len(found.lines)} requirements; a flow may add {MOST}.")
    return found


def _packages(packages: Any) -> list[str]:
    if packages is None:
        return []
    if isinstance(packages, str) or not isinstance(packages, Iterable):
        raise RegistrationError(
            f"packages is {foreign(repr(packages))}: expected a list of text, such as packages=['polars>=1']."
        )
    lines = list(packages)
    for line in lines:
        if not isinstance(line, str):
            raise RegistrationError(
                f"The package {foreign(repr(line))} is not text, as in packages=['polars>=1']."
            )
    return lines


def _path(file: Any) -> Path:
    if not isinstance(file, str | Path):
        raise RegistrationError(
            f"requirements is {foreign(repr(file))}: expected the path of a file, such as "
            "requirements='requirements.txt'. A list goes into packages=[...]."
        )
    return Path(file).expanduser()


def _read(found: Requirements, file: Path, above: list[Path]) -> None:
    """Every line of a file, and of those that it includes."""
    place = file.resolve()
    if place in above:
        raise RegistrationError(f"{file} includes itself.")
    try:
        text = place.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "it is no text"
        raise RegistrationError(f"The requirements file {file} cannot be read: {why}.") from None
    for number, line in _lines(text):
        where = f"{file}, line {number}"
        if line.startswith("-"):
            _option(found, line, where, [*above, place])
        else:
            plain = _HASH.sub("", line).strip()
            if plain != line:
                found.notes.append(f"{where}: the hash is not checked when the package is installed.")
            found.lines.append(_requirement(plain, where))


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines without comments, continued ones joined, with their number."""
    pending, begun = "", 0
    for number, raw in enumerate(text.splitlines(), 1):
        line = _COMMENT.sub("", raw).rstrip()
        begun = begun or number
        if raw.rstrip().endswith("\\"):
            pending += line.removesuffix("\\")
            continue
        if whole := (pending + line).strip():
            yield begun, whole
        pending, begun = "", 0
    if pending.strip():
        yield begun, pending.strip()


def _option(found: Requirements, line: str, where: str, above: list[Path]) -> None:
    parts = _OPTION.fullmatch(line)
    name, value = (parts[1], parts[2].strip()) if parts else (line, "")
    if name in _INCLUDES:
        _include(found, value, where, above)
    elif name in _INDEXES:
        address = urlsplit(value)
        if address.scheme not in ("http", "https") or not address.hostname:
            raise RegistrationError(f"{where}: {name} must name an http address, which a run can reach too.")
        if "@" in address.netloc:
            raise RegistrationError(
                f"{where}: the address of {name} holds a user or a password, and everybody who sees the flow "
                "would see it. Leave it out there, and give the run a secret as UV_INDEX_<NAME>_PASSWORD."
            )
        found.lines.append(f"{_LONG.get(name, name)} {value}")
    else:
        raise RegistrationError(
            f"{where}: {foreign(name)} cannot be used here. A run installs requirements by name, version or "
            "address; beside them a file may hold -r, --index-url, --extra-index-url and --find-links."
        )


def _include(found: Requirements, value: str, where: str, above: list[Path]) -> None:
    """Another file: below the project, or below the folder of the first."""
    root = (project_folder(above[0].parent) or above[0].parent).resolve()
    file = (above[-1].parent / value).resolve()
    if root not in file.parents:
        raise RegistrationError(f"{where}: {foreign(value)} lies outside of {root}, and is not read.")
    _read(found, file, above)


def _requirement(line: str, where: str) -> str:
    try:
        wanted = Requirement(line)
    except InvalidRequirement as error:
        why = _shown(str(error).partition("\n")[0])
        hint = (
            " Install a package of a folder into this kernel, and it is captured." if _is_path(line) else ""
        )
        raise RegistrationError(f"{where}: {_shown(line)} is no requirement ({why}).{hint}") from None
    address = urlsplit(wanted.url or "")
    if wanted.url and address.scheme.rpartition("+")[2] not in ("http", "https", "ssh"):
        raise RegistrationError(
            f"{where}: {wanted.name} lies at {foreign(wanted.url)}, which a run may not have. Install it "
            "into this kernel, and it is captured."
        )
    if "@" in address.netloc and not address.netloc.startswith("git@"):
        raise RegistrationError(
            f"{where}: the address of {wanted.name} holds a user or a password, and everybody who sees the "
            "flow would see it. Leave it out."
        )
    return " ".join(line.split())


def _shown(text: str) -> str:
    """As it may be repeated: an address without who may see it."""
    return foreign(re.sub(r"://[^/\s@]*@", "://…@", text))


def _is_path(line: str) -> bool:
    return line.startswith((".", "/", "~")) or "/" in line.partition("@")[0]
