"""Where a piece of a log may end so that its text is right: between characters, never inside one.

Pieces cut here and decoded one by one give the same text as the whole decoded at once.
"""

from __future__ import annotations

import codecs

LONGEST = 4
"""Bytes of the longest UTF-8 character."""


def decode(data: bytes) -> str:
    """UTF-8, with U+FFFD for what is not."""
    return data.decode("utf-8", "replace")


def cut(data: bytes, wanted: int, *, more: bool) -> int:
    """How many bytes of `data` make a piece of about `wanted` bytes.

    `data` goes on a few bytes past `wanted` where the log does; `more` says that bytes may follow
    after `data`. A character that begins before `wanted` and can still be completed is left for
    the next piece, unless the piece would be empty: then it is taken whole.
    """
    end = min(wanted, len(data))
    whole = end - _open(data[:end])
    if whole or end == 0:
        return whole if end < len(data) or more else end
    for end in range(wanted + 1, len(data) + 1):
        if _open(data[:end]) < end:
            return end - _open(data[:end])
    return 0 if more else len(data)


def begin(around: bytes, place: int) -> int:
    """How many bytes before `place` the character begins that `place` lies in the middle of."""
    for back in range(1, min(LONGEST - 1, place) + 1):
        length = _length(around[place - back])
        if length > back:
            character = around[place - back : place - back + length]
            return back if len(character) == length and _valid(character) else 0
        if length:
            return 0
    return 0


def _open(data: bytes) -> int:
    """Bytes at the end that begin a character and do not finish it."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    decoder.decode(data[-LONGEST:])
    return len(decoder.getstate()[0])


def _length(lead: int) -> int:
    """Bytes of the character that this byte begins; 0 for one that continues another."""
    if lead < 0x80:
        return 1
    return 0 if lead < 0xC0 else 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4


def _valid(character: bytes) -> bool:
    try:
        character.decode()
    except UnicodeDecodeError:
        return False
    return True
