"""Which bytes give a secret away: the value, its lines, and the usual encodings of both.

A needle is at most `PIECE` bytes long. What is longer is looked for in pieces that follow each other
without a hole: a whole occurrence is covered all the same, one that was cut off is masked as far as it
goes, and nothing has to be held back for longer than a piece.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus

LEAST = 6
"""Shorter values, and shorter fragments of an encoding, say nothing and occur in any text."""
PIECE = 64
WRAPPED = (64, 76)
"""Columns after which `base64` and `openssl` break their lines."""
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%+=:,./-_")

_ANSI = {
    "\a": "\\a",
    "\b": "\\b",
    "\x1b": "\\E",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\v": "\\v",
}


def needles(values: Iterable[str]) -> list[bytes]:
    """What to search for, without repetition, in order. Values under `LEAST` characters are passed over."""
    texts = {text for value in values for text in _texts(value)}
    forms = {form for text in texts for form in _forms(text)}
    return sorted({piece for form in forms if len(form) >= LEAST for piece in _pieces(form)})


def _texts(value: str) -> Iterator[str]:
    """The value, and its lines as somebody prints them who reads it line by line."""
    lines = value.replace("\r", "\n").split("\n")
    return (text for text in (value, *lines, *map(str.strip, lines)) if len(text.strip()) >= LEAST)


def _pieces(form: bytes) -> Iterator[bytes]:
    last = max(0, len(form) - PIECE)
    return (form[start : start + PIECE] for start in (*range(0, last, PIECE), last))


def _forms(text: str) -> Iterator[bytes]:
    raw = encoded(text)
    yield raw
    yield from _base64(raw)
    yield from (raw.hex().encode(), raw.hex().upper().encode())
    for form in {*_url(raw), *_json(text), *_shell(text, raw), *_python(text, raw)}:
        yield encoded(form)


def encoded(text: str) -> bytes:
    """UTF-8 as a process gets it, also of what is no text: half a surrogate pair must stop nothing."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def _base64(raw: bytes) -> Iterator[bytes]:
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        for alignment in range(3):
            yield _determined(encode(bytes(alignment) + raw), alignment, len(raw))
    text = _determined(base64.b64encode(raw), 0, len(raw))
    for width in WRAPPED:
        yield from (text[start : start + width] for start in range(0, len(text), width))


def _determined(encoded: bytes, alignment: int, length: int) -> bytes:
    """The characters of base64 that depend on the secret alone, whatever stands before and after it."""
    return encoded[-(-alignment * 8 // 6) : (alignment + length) * 8 // 6]


def _url(raw: bytes) -> Iterator[str]:
    for text in (quote(raw), quote(raw, safe=""), quote(raw, safe="!*'()"), quote_plus(raw)):
        yield text
        head, *escapes = text.split("%")
        yield "".join([head, *(f"%{escape[:2].lower()}{escape[2:]}" for escape in escapes)])


def _json(text: str) -> Iterator[str]:
    """As a string in JSON, and as JSON that was put into a string of JSON again."""
    for ascii_only in (True, False):
        once = json.dumps(text, ensure_ascii=ascii_only)[1:-1]
        yield once
        yield json.dumps(once, ensure_ascii=ascii_only)[1:-1]


def _shell(text: str, raw: bytes) -> Iterator[str]:
    yield text.replace("'", "'\\''")
    yield text.replace("'", "'\"'\"'")
    yield "".join(f"\\{letter}" if letter in '\\"$`' else letter for letter in text)
    yield "".join(letter if letter in _PLAIN else f"\\{letter}" for letter in text)
    yield "".join(_ansi(byte) for byte in raw)


def _ansi(byte: int) -> str:
    """A byte as a shell writes it between `$'` and `'`."""
    letter = chr(byte)
    if letter in "\\'":
        return f"\\{letter}"
    if " " <= letter <= "~":
        return letter
    return _ANSI.get(letter) or f"\\{byte:03o}"


def _python(text: str, raw: bytes) -> Iterator[str]:
    """As `repr` writes it, alone or within a longer value: which quotes it escapes depends on the rest."""
    parts, raw_parts = text.split("'"), raw.split(b"'")
    for quoted in ("'", "\\'"):
        yield quoted.join(repr(part)[1:-1] for part in parts)
        yield quoted.join(ascii(part)[1:-1] for part in parts)
        yield quoted.join(repr(part)[2:-1] for part in raw_parts)
