"""Where needles stand in a piece of a stream: a fast finder says where one may begin, the automaton decides.

Which finder there is changes the time and never the result.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from prefect_platform.masking import native
from prefect_platform.masking.automaton import Automaton, Span, join
from prefect_platform.masking.encodings import needles
from prefect_platform.masking.words import LEAST, MOST_NEEDLES, Words

FORMS = 32
"""Bytes of needles that a byte of a secret comes to."""
WINDOW = 256 << 10
"""Bytes that are looked at together: a text made of nothing but secrets must not fill the memory."""


class Finder(Protocol):
    def candidates(self, data: bytes) -> list[Span]:
        """First and last offset at which a needle may begin, in order of the first. None is left out."""
        ...


class Everywhere:
    """The finder that does not look: the automaton reads everything."""

    def candidates(self, data: bytes) -> list[Span]:
        return [(0, len(data) - 1)] if data else []


class Matcher:
    """Finds the needles of a workload. There is at least one, and none is empty."""

    def __init__(self, needles: Sequence[bytes], finder: Finder) -> None:
        self.longest = max(map(len, needles))
        self._automaton = Automaton(needles)
        self._finder = finder

    def spans(self, data: bytes, window: int = WINDOW) -> list[Span]:
        """The bytes that belong to an occurrence of a needle, as spans that do not touch, in order."""
        found: list[Span] = []
        begin, window = 0, max(window, self.longest)
        while begin < len(data):
            piece = data if len(data) <= window else data[begin : begin + window]
            whole = begin + len(piece) == len(data)
            hold = len(piece) if whole else self.pending(piece)  # from there on the next window looks again
            for start, end in self._automaton.spans(piece, self._finder.candidates(piece)):
                if start < hold:
                    join(found, begin + start, begin + end)
            begin += hold
        return found

    def pending(self, data: bytes) -> int:
        """Offset from which on `data` may be the beginning of a needle; its length if it ends with none."""
        return self._automaton.pending(data)


def matcher(values: Iterable[str], *, large: bool = True) -> Matcher | None:
    """The matcher of these secrets, with the fastest finder there is; None if there is nothing to mask.

    Not `large` is for a process that has many of them: it stays at a few megabytes each.
    """
    found = needles(values)
    return Matcher(found, fastest(found, large=large)) if found else None


def footprint(values: Iterable[str]) -> int:
    """About how many bytes of memory the matcher of these secrets takes, at most.

    Measured: the many forms of a value, their pieces and what finds them, natively or not.
    """
    size = sum(map(len, values))
    return size * (1000 if size * FORMS <= native.MOST_BYTES else 150)


def fastest(needles: Sequence[bytes], *, large: bool = True) -> Finder:
    """The native finder where it is installed and has the room, else one of ours."""
    small = sum(map(len, needles)) <= native.MOST_BYTES
    module = native.library() if small else None
    if module is None:
        return plain(needles)
    return native.Native(needles, module, table_after=native.TABLE_AFTER if large else 0)


def plain(needles: Sequence[bytes]) -> Finder:
    """The finder that needs nothing but Python."""
    looks = len(needles) <= MOST_NEEDLES and min(map(len, needles)) >= LEAST
    return Words(needles) if looks else Everywhere()
