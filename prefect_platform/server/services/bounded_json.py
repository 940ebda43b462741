"""Somebody else's JSON, masked and bounded, with a note of each thing that was left out.

Every value of the outermost object gets the same share of room, so that a large one hides no other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from prefect_platform.wire.run_parameters import Cut, CutKind

MOST_CHARACTERS = 256 << 10
"""Of all values together, about."""
LEAST_SHARE = 2 << 10
"""Characters that even the smallest share has."""
MOST_TEXT = 16 << 10
MOST_KEY = 255
MOST_ITEMS = 1000
"""Entries of one list or object."""
MOST_OUTERMOST = 200
MOST_DEPTH = 20
LARGEST = (1 << 53) - 1
"""Whole numbers beyond it are rounded by JavaScript."""
_ENTRY = 4
"""Characters that an entry costs beside its value."""


class BoundedJson:
    """One document. `mask` takes the secrets out of a text."""

    def __init__(self, mask: Callable[[str], str]) -> None:
        self._mask = mask
        self._left = 0
        self.cuts: list[Cut] = []
        self.large_numbers: dict[str, str] = {}

    def bounded(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """What is shown of it."""
        share = max(LEAST_SHARE, MOST_CHARACTERS // max(1, min(len(document), MOST_OUTERMOST)))
        found: dict[str, Any] = {}
        for key, value in list(document.items())[:MOST_OUTERMOST]:
            self._left = share
            name = self._key(str(key), "")
            found[name] = self._value(value, _below("", name), 1)
        self._cut("", CutKind.ITEMS, len(document) - len(found))
        return found

    def _value(self, value: Any, path: str, depth: int) -> Any:
        if isinstance(value, str):
            return self._text(value, path)
        if isinstance(value, dict | list):
            if depth > MOST_DEPTH:
                self._cut(path, CutKind.DEPTH, len(value))
                return None
            if isinstance(value, dict):
                return self._object(value, path, depth)
            return self._list(value, path, depth)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return self._number(value, path)
        return value

    def _text(self, text: str, path: str) -> str:
        kept, left_out = self._shown(text, min(MOST_TEXT, max(0, self._left)))
        self._left -= len(kept)
        self._cut(path, CutKind.TEXT, left_out)
        return kept

    def _number(self, value: float, path: str) -> Any:
        written = repr(value)
        self._left -= len(written)
        if self._mask(written) != written:
            return self._mask(written)
        if isinstance(value, int) and abs(value) > LARGEST:
            self.large_numbers[path] = written
        return value

    def _list(self, values: list[Any], path: str, depth: int) -> list[Any]:
        found: list[Any] = []
        for value in values[:MOST_ITEMS]:
            if self._left <= 0:
                break
            self._left -= _ENTRY
            found.append(self._value(value, f"{path}/{len(found)}", depth + 1))
        self._cut(path, CutKind.ITEMS, len(values) - len(found))
        return found

    def _object(self, values: dict[str, Any], path: str, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in list(values.items())[:MOST_ITEMS]:
            if self._left <= 0:
                break
            name = self._key(str(key), path)
            self._left -= len(name) + _ENTRY
            found[name] = self._value(value, _below(path, name), depth + 1)
        self._cut(path, CutKind.ITEMS, len(values) - len(found))
        return found

    def _key(self, key: str, path: str) -> str:
        kept, left_out = self._shown(key, MOST_KEY)
        self._cut(_below(path, kept), CutKind.TEXT, left_out)
        return kept

    def _shown(self, text: str, most: int) -> tuple[str, int]:
        """Its beginning, and how much more there is. Masked together with more than is shown: what is cut in
        two would not be recognised."""
        masked = self._mask(text[: 2 * MOST_TEXT])
        return masked[:most], max(0, len(masked) - most) + max(0, len(text) - 2 * MOST_TEXT)

    def _cut(self, path: str, kind: CutKind, left_out: int) -> None:
        if left_out > 0:
            self.cuts.append(Cut(path=path, kind=kind, left_out=left_out))


def _below(path: str, key: str) -> str:
    """JSON Pointer (RFC 6901) to an entry of an object."""
    return f"{path}/{key.replace('~', '~0').replace('/', '~1')}"
