"""The native finder: `ahocorasick_rs`, where it is installed. Loaded when the first secret needs it.

It searches bytes, without Python's lock. It is asked for the leftmost longest matches that do not
overlap, which is the fastest and of which there are never more than bytes; whatever overlaps one of them
begins inside it, and that is where the automaton looks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from prefect_platform.masking.automaton import Span

MOST_BYTES = 4 << 20
"""Of all needles together. Beyond this the native automaton would take hundreds of megabytes."""
TABLE_AFTER = 8 << 20
"""Bytes after which a full table pays: it is read twice as fast, and made in 50 to 200 milliseconds."""
MOST_CELLS = 6 << 20
"""Of that table, at four bytes each."""


def library() -> Any | None:
    """The module, or None where it is not installed."""
    try:
        import ahocorasick_rs
    except ImportError:
        return None
    return ahocorasick_rs


class Native:
    """Says where needles begin, and where more of them may. The sequence of needles is kept as it is."""

    def __init__(self, needles: Sequence[bytes], found: Any, *, table_after: int = TABLE_AFTER) -> None:
        self._needles, self._library = needles, found
        self._before_table = table_after
        self._search = self._automaton(None)

    def candidates(self, data: bytes) -> list[Span]:
        """First and last offset at which a needle may begin, in order."""
        if self._before_table > 0:
            self._before_table -= len(data)
            if self._before_table <= 0 and _cells(self._needles) <= MOST_CELLS:
                self._search = self._automaton(self._library.Implementation.DFA)
        return [(start, end - 1) for _, start, end in self._search.find_matches_as_indexes(data)]

    def _automaton(self, kind: Any) -> Any:
        return self._library.BytesAhoCorasick(self._needles, self._library.MatchKind.LeftmostLongest, kind)


def _cells(needles: Sequence[bytes]) -> int:
    """Cells of a table with a row for every state and a column for every byte that tells needles apart."""
    columns = len(frozenset().union(*needles)) + 1
    return sum(map(len, needles)) * (1 << (columns - 1).bit_length())
