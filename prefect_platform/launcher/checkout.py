"""The files of a commit, written below a folder of their own and nowhere else.

Objects are read one by one and checked against their names, so what is written is the commit, whatever
became of the copy on this machine. git itself writes nothing: no filter, no hook, no attribute and no
configuration of a repository has a say.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from prefect_platform.launcher.bundle import MAX_UNPACKED_BYTES
from prefect_platform.launcher.faults import SourceFault
from prefect_platform.launcher.git import Broken, Objects

MAX_DEPTH = 100
MAX_LINK = 4096
FOLDER, LINK, MODULE = b"40000", b"120000", b"160000"
FILES = {b"100644": 0o644, b"100664": 0o644, b"100755": 0o755}
_GIT_FOLDER = re.compile(r"(?i)\.git[ .]*|git~[0-9]+")
_POINTER = b"version https://git-lfs.github.com/spec/"


@dataclass
class Written:
    """What a checkout made."""

    files: int = 0
    bytes: int = 0
    links: dict[str, str] = field(default_factory=dict)
    modules: list[str] = field(default_factory=list)
    """Submodules, which stay empty."""
    pointers: list[str] = field(default_factory=list)
    """Files that only say where Git LFS keeps their content."""


@dataclass(frozen=True)
class Entry:
    """One line of a tree, by its path in the repository."""

    path: str
    mode: bytes
    name: str


class Checkout:
    """Writes one commit below `place`, which is made."""

    def __init__(self, objects: Objects, place: Path, directories: Sequence[str], most: int) -> None:
        self._objects = objects
        self._place = place
        self._directories = [directory.strip("/") for directory in directories]
        self._made = Written()
        self._count, self._most = 0, most

    def write(self, commit: str) -> Written:
        """Write everything, links last, so that no file is written through one.

        Raises:
            Broken: the copy on this machine is not whole.
            SourceFault: the commit holds what is not taken; the message names it.
        """
        self._place.mkdir()
        found = self._walk(_tree_of(self._objects.read(commit, "commit")))
        self._objects.ahead(entry.name for entry in found)
        for entry in found:
            self._one(entry)
        for path, target in self._made.links.items():
            self._link(path, target)
        for path in self._made.links:
            self._check_link(path)
        return self._made

    def _walk(self, tree: str) -> list[Entry]:
        """Make the folders, level by level; the files and links that belong into them."""
        found: list[Entry] = []
        level, levels = [Entry("", FOLDER, tree)], 0
        while level:
            levels += 1
            if levels > MAX_DEPTH:
                raise SourceFault(f"The repository has more than {MAX_DEPTH} folders within each other.")
            self._objects.ahead(folder.name for folder in level)
            level = [inner for folder in level for inner in self._folder(folder, found)]
        return found

    def _folder(self, folder: Entry, found: list[Entry]) -> Iterator[Entry]:
        """The folders in one; its files and links go to `found`."""
        above = f"{folder.path}/" if folder.path else ""
        for entry in _entries(self._objects.read(folder.name, "tree"), above, len(folder.name) // 2):
            self._count += 1
            if self._count > self._most:  # a small repository may stand for any number of files
                raise SourceFault(f"The repository has more than {self._most} files and folders.")
            if entry.mode in (FOLDER, MODULE):
                if self._wanted_folder(entry.path):
                    self._make(entry.path)
                    if entry.mode == FOLDER:
                        yield entry
                    else:
                        self._made.modules.append(entry.path)
            elif self._wanted_file(entry.path):
                found.append(entry)

    def _one(self, entry: Entry) -> None:
        if entry.mode in FILES:
            self._file(entry, FILES[entry.mode])
        elif entry.mode == LINK:
            target = b"".join(self._objects.pieces(entry.name, "blob", MAX_LINK))
            self._made.links[entry.path] = os.fsdecode(target)
        else:
            raise SourceFault(f"The repository has {entry.path!r}, which is no plain file.")

    def _make(self, path: str) -> None:
        try:
            (self._place / path).mkdir()
        except FileExistsError:
            raise SourceFault(f"The repository has {path!r} twice.") from None

    def _file(self, entry: Entry, mode: int) -> None:
        made = self._made
        made.files += 1
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            descriptor = os.open(self._place / entry.path, flags, mode)
        except FileExistsError:
            raise SourceFault(f"The repository has {entry.path!r} twice.") from None
        head, left = b"", MAX_UNPACKED_BYTES - made.bytes
        with os.fdopen(descriptor, "wb") as file:
            for piece in self._objects.pieces(entry.name, "blob", left):
                head = head or piece[: len(_POINTER)]
                made.bytes += len(piece)
                file.write(piece)
        if head == _POINTER:
            made.pointers.append(entry.path)

    def _link(self, path: str, target: str) -> None:
        if not target or "\0" in target or target.startswith("/"):
            raise SourceFault(f"The repository has the link {path!r}, which leads outside of it.")
        try:
            (self._place / path).symlink_to(target)
        except FileExistsError:
            raise SourceFault(f"The repository has {path!r} twice.") from None

    def _check_link(self, path: str) -> None:
        """Follow a link through all others to its end."""
        root = os.path.realpath(self._place)
        end = os.path.realpath(self._place / path)
        if end != root and not end.startswith(root + os.sep):
            raise SourceFault(f"The repository has the link {path!r}, which leads outside of it.")

    def _wanted_folder(self, path: str) -> bool:
        """Whether a folder is asked for, lies in one that is, or leads to one."""
        return not self._directories or any(
            f"{path}/".startswith(f"{one}/") or f"{one}/".startswith(f"{path}/") for one in self._directories
        )

    def _wanted_file(self, path: str) -> bool:
        """As git's sparse checkout: files on the way to a folder that is asked for are there too."""
        above = path.rpartition("/")[0]
        return not above or self._wanted_folder(above)


def _tree_of(commit: bytes) -> str:
    head, _, _ = commit.partition(b"\n")
    if not re.fullmatch(rb"tree [0-9a-f]{40}(?:[0-9a-f]{24})?", head):
        raise Broken("the commit names no tree")
    return head[5:].decode()


def _entries(tree: bytes, above: str, width: int) -> Iterator[Entry]:
    """The lines of a tree: mode, space, name, NUL, and the raw id of the object."""
    at = 0
    while at < len(tree):
        end = tree.find(b"\0", at)
        mode, space, name = tree[at:end].partition(b" ")
        if end < 0 or not space or len(tree) < end + 1 + width:
            raise Broken("a tree cannot be read")
        path = _checked(above, os.fsdecode(name))
        yield Entry(path, mode, tree[end + 1 : end + 1 + width].hex())
        at = end + 1 + width


def _checked(above: str, name: str) -> str:
    path = f"{above}{name}"
    if name in ("", ".", "..") or "/" in name or "\\" in name or _GIT_FOLDER.fullmatch(name):
        raise SourceFault(f"The repository has {path!r}, which is not written: it may lead outside.")
    return path
