"""A fast look without native code: which machine words of a text also stand in a needle.

Every occurrence of a needle covers some word that lies at a multiple of the step, so the text is read as
an array of words, and a set says for a whole block at once whether one of them is known. Where one is,
the automaton looks. Of the words of a needle that could serve the one is taken that text has least often:
a secret that begins as every line does costs nothing.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterator, Sequence
from itertools import accumulate

from prefect_platform.masking.automaton import Span

LEAST = 5
"""Shorter needles cover no word for certain."""
LONG = 15
"""Needles of this length cover a word of 8 bytes at a multiple of 8, wherever they stand."""
BLOCK = 256
"""Words that are compared at once."""
MOST_NEEDLES = 20_000
"""Beyond this the words would need more memory than they save time: the automaton reads everything."""


class Words:
    """Says where needles may begin. Never leaves one out."""

    def __init__(self, needles: Sequence[bytes]) -> None:
        long = [needle for needle in needles if len(needle) >= LONG]
        short = [needle for needle in needles if len(needle) < LONG]
        self._tables = [_Table(long, "Q", 8)] if long else []
        self._tables += [_Table(short, "I", 2)] if short else []

    def candidates(self, data: bytes) -> list[Span]:
        """First and last offset at which a needle may begin, in order."""
        return sorted(span for table in self._tables for span in table.candidates(data))


class _Table:
    """The words of some needles. `code` is their type in an array, `step` how far apart they are compared."""

    def __init__(self, needles: Sequence[bytes], code: str, step: int) -> None:
        self._code, self._step = code, step
        self._width = array(code).itemsize
        self._offsets: dict[int, Span] = {}
        """The smallest and the greatest offset of a word in a needle."""
        for needle in needles:
            self._add(needle)
        self._words = frozenset(self._offsets)

    def _add(self, needle: bytes) -> None:
        sums = [0, *accumulate(needle.translate(_WEIGHTS))]
        rarity = [after - before for before, after in zip(sums, sums[self._width :], strict=False)]
        for residue in range(self._step):
            offset = max(range(residue, len(rarity), self._step), key=rarity.__getitem__)
            word = int.from_bytes(needle[offset : offset + self._width], sys.byteorder)
            least, greatest = self._offsets.get(word, (offset, offset))
            self._offsets[word] = min(least, offset), max(greatest, offset)

    def candidates(self, data: bytes) -> Iterator[Span]:
        for shift in range(0, self._width, self._step):
            length = max(0, len(data) - shift) // self._width * self._width
            words = array(self._code, data[shift : shift + length])
            for begin in range(0, len(words), BLOCK):
                block = words[begin : begin + BLOCK]
                if not self._words.isdisjoint(block):
                    yield from self._near(block, shift + begin * self._width)

    def _near(self, block: array[int], start: int) -> Iterator[Span]:
        for at, word in enumerate(block):
            offsets = self._offsets.get(word)
            if offsets is not None:
                place = start + at * self._width
                yield max(0, place - offsets[1]), place - offsets[0]


def _weight(byte: int) -> int:
    """How rare a byte is in text, roughly: letters are common, then digits, then everything else."""
    letter = chr(byte)
    if letter.islower() or letter == " ":
        return 1
    return 3 if letter.isdigit() or letter in "-:.,/" else 4


_WEIGHTS = bytes(_weight(byte) if byte < 128 else 6 for byte in range(256))
