"""Which packages are installed along a path, and how that differs from what is wanted.

Standard library only: the kernel that registers, the launcher and what runs beside it look in the same
way. Nothing is imported, and no METADATA is read: the name of a `*.dist-info` folder says name and version,
and `direct_url.json` in it, where there is one, says that it did not come from an index.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

INDEX, VCS, EDITABLE, LOCAL = "index", "vcs", "editable", "local"
"""Where a distribution came from. `LOCAL`: an archive or folder, installed once."""

SETTLED_NS = 2_000_000_000
"""A folder that was changed more recently is looked at again: its clock may be that coarse."""
HEAD = 16 << 10
_SEPARATORS = re.compile(r"[-_.]+")


@dataclass(frozen=True)
class Distribution:
    """One installed package, by its normalised name."""

    name: str
    version: str
    origin: str = INDEX
    url: str | None = None
    """Of a repository, archive or folder; without credentials."""
    commit: str | None = None


@dataclass(frozen=True)
class Difference:
    """One package that is not as it was wanted; None stands for "not installed"."""

    package: str
    wanted: str | None
    found: str | None

    def __str__(self) -> str:
        if self.wanted is None:
            return f"{self.package}: not wanted, found {self.found}"
        found = "not installed" if self.found is None else f"found {self.found}"
        return f"{self.package}: wanted {self.wanted}, {found}"


Folder = dict[str, Distribution]
_known: dict[str, tuple[int, Folder]] = {}
"""What a folder held when it was last changed at that time, for as long as this process lives."""


def scan(path: Iterable[str]) -> dict[str, Distribution]:
    """Every distribution along `path`, by name. As with imports, the first on the path wins."""
    found: dict[str, Distribution] = {}
    for folder in path:
        for name, distribution in _folder(folder).items():
            found.setdefault(name, distribution)
    return found


def normalised(name: str) -> str:
    """The one spelling of a name, of all that an index takes for the same."""
    return _SEPARATORS.sub("-", name).lower()


def fingerprint(version: str, implementation: str, distributions: Iterable[Distribution]) -> str:
    """SHA-256 over an interpreter and what is installed for it, in whatever order it was found."""
    said = [version, implementation, sorted(map(_said, distributions))]
    return hashlib.sha256(json.dumps(said, separators=(",", ":")).encode()).hexdigest()


def differences(wanted: Mapping[str, Distribution], found: Mapping[str, Distribution]) -> list[Difference]:
    """Each package that is not as it was wanted, by name."""
    names = sorted(wanted.keys() | found.keys())
    return [
        Difference(name, *(told(one[name]) if name in one else None for one in (wanted, found)))
        for name in names
        if _mark(wanted.get(name)) != _mark(found.get(name))
    ]


def without_credentials(url: str) -> str:
    """A URL as it may be shown: no user, no password, no query."""
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
        user = "git@" if parts.netloc.startswith("git@") else ""
        return urlunsplit((parts.scheme, user + host, parts.path, "", ""))
    except ValueError:
        return ""


def told(one: Distribution) -> str:
    """Its version, and where it came from if that is no index."""
    if one.commit:
        return f"{one.version} (commit {one.commit[:12]})"
    return one.version if one.origin == INDEX else f"{one.version} ({one.origin})"


def _mark(one: Distribution | None) -> object:
    """What has to be equal. A folder that was installed editable and one that was installed once from the
    same place are the same package; where it lies is told, and is no difference."""
    return None if one is None else (one.version, one.commit, one.origin == INDEX)


def _said(one: Distribution) -> tuple[str, ...]:
    """What of a distribution counts: of a folder or archive not where it lies."""
    place = one.url if one.origin == VCS else ""
    return one.name, one.version, one.origin, place or "", one.commit or ""


def _folder(folder: str) -> Folder:
    try:
        changed = os.stat(folder).st_mtime_ns  # noqa: PTH116 - a path object for each folder is dear
        known = _known.get(folder)
        if known is not None and known[0] == changed:
            return known[1]
        found = dict(_read(folder))
    except OSError:  # not there, a file, or not ours to read: nothing can be imported from it either
        return {}
    if time.time_ns() - changed > SETTLED_NS:
        _known[folder] = (changed, found)
    return found


def _read(folder: str) -> Iterator[tuple[str, Distribution]]:
    with os.scandir(folder) as entries:
        # Sorted, so that of two versions left by a broken upgrade the same one is always told.
        names = sorted(entry.name for entry in entries if entry.name.endswith((".dist-info", ".egg-info")))
    for name in names:
        if not name.startswith("~"):  # what pip leaves of a package that it could not remove
            stem = name.rpartition(".")[0]
            called, _, version = stem.partition("-")
            place = os.path.join(folder, name)  # noqa: PTH118
            if name.endswith(".egg-info"):
                version = re.sub(r"-py\d.*", "", version) or _version(place)
            if called and version:
                plain = normalised(called)
                yield plain, _distribution(plain, version, place)


def _distribution(name: str, version: str, place: str) -> Distribution:
    """With its origin. Only what did not come from an index has a `direct_url.json`."""
    try:
        with open(os.path.join(place, "direct_url.json"), "rb") as file:  # noqa: PTH118, PTH123
            told = json.loads(file.read(HEAD))
    except (OSError, ValueError):
        return Distribution(name, version)
    if not isinstance(told, dict):
        return Distribution(name, version)
    url = without_credentials(str(told.get("url", "")))
    vcs, folder = told.get("vcs_info"), told.get("dir_info")
    if isinstance(vcs, dict):
        commit = str(vcs.get("commit_id", "")) or None
        return Distribution(name, version, VCS, f"{vcs.get('vcs', 'git')}+{url}", commit)
    editable = isinstance(folder, dict) and bool(folder.get("editable"))
    return Distribution(name, version, EDITABLE if editable else LOCAL, url)


def _version(place: str) -> str:
    """Of an `egg-info` whose name does not say it, as old editable installs leave in a source folder."""
    for file in (os.path.join(place, "PKG-INFO"), place):  # noqa: PTH118
        with suppress(OSError), open(file, encoding="utf-8", errors="replace") as text:  # noqa: PTH123
            found = re.search(r"^Version: *(\S+)", text.read(HEAD), re.MULTILINE)
            return found[1] if found else ""
    return ""
