"""`include=`: files that somebody asked for by pattern, whatever ignore files say, but no credentials.

A pattern is a path from a folder, with `*`, `?` and `[…]` within a name and `**` for any folders; a folder
stands for everything in it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from prefect_platform.errors import RegistrationError, foreign
from prefect_platform.flows.capture.captured import Entry
from prefect_platform.flows.capture.project_files import (
    MOST_FILES,
    Selection,
    is_left,
    refusal,
    whole_folder_may_travel,
)

MAX_PATTERN = 1024
_MOST_PATTERNS = 200
_MOST_LOOKED_AT = 200_000
"""Files and folders: a pattern that leads into a home or a data lake is refused, not waited for."""


def check_include(patterns: Any) -> tuple[str, ...]:
    """The patterns, judged by themselves.

    Raises:
        RegistrationError: one of them leads outside, or is no pattern; the message names it.
    """
    if patterns is None:
        return ()
    if isinstance(patterns, str) or not isinstance(patterns, Sequence) or len(patterns) > _MOST_PATTERNS:
        raise RegistrationError(
            f"include is {foreign(repr(patterns))}: expected a list of patterns, such as include=['sql/**', "
            "'data/*.csv']."
        )
    for pattern in patterns:
        if not isinstance(pattern, str) or not pattern.strip("/") or len(pattern) > MAX_PATTERN:
            raise RegistrationError(
                f"include={foreign(repr(pattern))} is no pattern of files, such as 'data/*.csv'."
            )
        if pattern.startswith(("/", "~")) or ".." in pattern.split("/") or not pattern.isprintable():
            raise RegistrationError(
                f"include={foreign(repr(pattern))} leads outside of the project: name files by their path "
                "from its folder, such as 'data/*.csv'."
            )
    return tuple(dict.fromkeys(patterns))


def check_nothing(patterns: Sequence[str]) -> None:
    """Raises RegistrationError where patterns were given and nothing can travel."""
    if patterns:
        raise RegistrationError(
            f"include={patterns[0]!r} cannot travel with an installed module, of which only the name does: "
            "put the files into its package."
        )


def included(patterns: Sequence[str], folders: Sequence[tuple[Path, str]], project: Path) -> Selection:
    """Files below `project` that match, by their path in the bundle.

    A pattern is looked for in one folder after the other until it matches there; each comes with the
    place that it has in the bundle.

    Raises:
        RegistrationError: a pattern matches nothing, or nothing that may travel.
    """
    selection = Selection()
    for pattern in patterns:
        refused: dict[str, str] = {}
        if not any(_take(pattern, folder, place, project, selection, refused) for folder, place in folders):
            raise RegistrationError(_nothing(pattern, [folder for folder, _ in folders], refused))
        selection.withheld += [path for path in refused if path not in selection.withheld]
    if len(selection.files) > MOST_FILES:
        raise RegistrationError(f"include= matches more than {MOST_FILES:,} files.")
    return selection


def _take(
    pattern: str, folder: Path, place: str, project: Path, selection: Selection, refused: dict[str, str]
) -> bool:
    """Put what matches in one folder into the selection; whether there was any that may travel."""
    if not whole_folder_may_travel(folder) and "**" in pattern.split("/", maxsplit=1)[0]:
        return False  # not through a whole home folder
    found, parts = False, [part for part in pattern.split("/") if part not in ("", ".")]
    for file in _Walk(folder).matching(folder, parts):
        path = file.relative_to(folder).as_posix()
        why = refusal(path, file, project)
        if why is not None:
            refused[path] = why
            continue
        selection.files[f"{place}/{path}" if place else path] = file
        found = True
    return found


class _Walk:
    """One pattern's way through a folder."""

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()
        self._looked_at = 0

    def matching(self, folder: Path, parts: list[str]) -> Iterator[Path]:
        if not parts:
            yield from self._all(folder)
        elif parts[0] == "**":
            yield from self.matching(folder, parts[1:])
            if parts[1:]:
                for entry in self._entries(folder):
                    if self._leads_on(entry):
                        yield from self.matching(Path(entry.path), parts)
        else:
            yield from self._named(folder, parts)

    def _named(self, folder: Path, parts: list[str]) -> Iterator[Path]:
        for entry in self._entries(folder):
            if not fnmatchcase(entry.name, parts[0]):
                continue
            if entry.is_dir():
                # A link that is named is followed; where it leads is judged file by file.
                yield from self.matching(Path(entry.path), parts[1:])
            elif not parts[1:] and entry.is_file():
                yield Path(entry.path)

    def _all(self, folder: Path) -> Iterator[Path]:
        for entry in self._entries(folder):
            if self._leads_on(entry):
                yield from self._all(Path(entry.path))
            elif entry.is_file():
                yield Path(entry.path)

    def _leads_on(self, entry: os.DirEntry[str]) -> bool:
        """Whether it is a folder that is looked through without being named."""
        return entry.is_dir(follow_symlinks=False) and not is_left(entry.name)

    def _entries(self, folder: Path) -> list[os.DirEntry[str]]:
        try:
            found = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError:
            return []  # it cannot be read: a pattern that matches nothing else says so
        self._looked_at += len(found)
        if self._looked_at > _MOST_LOOKED_AT:
            raise RegistrationError(
                f"include= looks through more than {_MOST_LOOKED_AT:,} files below {self._root}: name "
                "a folder."
            )
        return found


def _nothing(pattern: str, folders: list[Path], refused: dict[str, str]) -> str:
    if refused:
        path, why = next(iter(refused.items()))
        return f"include={pattern!r} matches nothing that may travel: {path} {why}."
    where = " and ".join(dict.fromkeys(str(folder) for folder in folders))
    return f"include={pattern!r} matches no file in {where}."


def check_free(asked: Selection, entries: Sequence[Entry]) -> None:
    """Raises RegistrationError where a file was asked for whose place is taken by generated code."""
    paths = [entry.path for entry in entries]
    for path in asked.files:
        if paths.count(path) > 1:
            raise RegistrationError(
                f"include= brings {path!r}, which is also the name of a file that is made from this flow's "
                "cells: rename or move yours."
            )
