"""Looking through the bytes of a log for lines, a block at a time: fast enough for ten million of them.

A line is a candidate where a needle stands in it, found by `bytes.find`, and is a hit if `accepts` says so.
There are no regular expressions from outside: one of a few characters can keep a process busy for ever."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

ANSI = re.compile(rb"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?")
"""Colours and titles: they must not hide a word that a reader sees."""
CONTEXT = 300
"""Bytes of a line that are told on each side of what was found in it."""

Span = tuple[int, int]


@dataclass(frozen=True)
class Wanted:
    needles: Sequence[bytes]
    folded: bool
    """Whether large and small letters are the same; the needles are small then. Letters beyond ASCII are
    not."""
    accepts: Callable[[bytes, int], Span | None]
    """Where in a line the hit is, given the line and where the needle stands in it; None if it is none."""


@dataclass(frozen=True)
class Found:
    """A line in a block."""

    line: int
    """Zero-based, in the log."""
    place: int
    """Where in the block it begins; a little off where colours were taken out."""
    text: str
    start: int
    end: int
    """Characters of `text` that are the hit."""


def words(text: str, *, case: bool) -> Wanted:
    """Lines with this text in them."""
    needle = text.encode() if case else text.encode().lower()
    return Wanted([needle], not case, lambda _, at: (at, at + len(needle)))


_ERROR = re.compile(rb"\b(CRITICAL|FATAL|ERROR)\b|^Traceback \(most|^[A-Za-z_][\w.]*(Error|Exception)\b")
_WARNING = re.compile(_ERROR.pattern + rb"|\bWARN(ING)?\b")
_ERROR_NEEDLES = (b"CRITICAL", b"FATAL", b"ERROR", b"Traceback (most", b"Error", b"Exception")
_HEAD = 200
"""How far into a line the words of a logger can stand."""


def errors(*, warnings: bool = False) -> Wanted:
    """Lines that a logger or a traceback calls an error; with `warnings` those too."""
    pattern = _WARNING if warnings else _ERROR

    def accepts(line: bytes, _: int) -> Span | None:
        match = pattern.search(line, 0, _HEAD)
        return match.span() if match else None

    return Wanted([*_ERROR_NEEDLES, b"WARN"] if warnings else _ERROR_NEEDLES, folded=False, accepts=accepts)


TRACEBACK = Wanted([b"Traceback (most recent call last)"], folded=False, accepts=lambda _, at: (at, at + 9))


def scan(block: bytes, first_line: int, wanted: Wanted) -> Iterator[Found]:
    """The hits in a block of whole lines, from its first line on."""
    if b"\x1b" in block:
        block = ANSI.sub(b"", block)
    hay = block.lower() if wanted.folded else block
    line, counted = first_line, 0
    for begin, at in _candidates(hay, wanted.needles):
        end = hay.find(b"\n", at)
        text = block[begin : end if end >= 0 else len(block)]
        span = wanted.accepts(text, at - begin)
        if span is not None:
            line += block.count(b"\n", counted, begin)
            counted = begin
            yield _told(line, begin, text, span)


def _candidates(hay: bytes, needles: Sequence[bytes]) -> Iterator[tuple[int, int]]:
    """Where lines with a needle begin, and where the needle is: in order, each line once."""
    places = [hay.find(needle) for needle in needles]
    while True:
        at = min((place for place in places if place >= 0), default=-1)
        if at < 0:
            return
        yield hay.rfind(b"\n", 0, at) + 1, at
        after = hay.find(b"\n", at)
        for number, needle in enumerate(needles):
            if 0 <= places[number] <= (after if after >= 0 else len(hay)):
                places[number] = hay.find(needle, after) if after >= 0 else -1


def _told(line: int, place: int, text: bytes, span: Span) -> Found:
    begin, end = max(0, span[0] - CONTEXT), min(len(text), span[1] + CONTEXT)
    before, hit, after = text[begin : span[0]], text[span[0] : span[1]], text[span[1] : end]
    words = [part.decode(errors="replace") for part in (before, hit, after)]
    start = len(words[0])
    return Found(line, place, "".join(words), start, start + len(words[1]))
