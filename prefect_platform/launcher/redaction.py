"""No secret leaves the launcher: what is masked here is masked before a byte is numbered, stored or sent.

Every byte that belongs to an occurrence of a secret, or of one of its usual encodings, anywhere in
the stream and however the stream was cut into pieces, becomes `*`. Lengths stay the same. Only the
end of a piece that may be the beginning of a secret is held back, so ordinary lines pass at once.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from urllib.parse import quote, quote_plus

MASK = b"*"
MIN_ENCODED = 6
"""Shorter fragments of an encoding say nothing of the secret and occur in any text."""


def needles(secrets: Iterable[str]) -> list[bytes]:
    """Each secret and its usual encodings, without repetition, longest first."""
    found: set[bytes] = set()
    for secret in filter(None, secrets):
        found.add(secret.encode("utf-8", "surrogateescape"))
        found.update(form for form in _encodings(secret) if len(form) >= MIN_ENCODED)
    return sorted(found, key=lambda needle: (-len(needle), needle))


def _encodings(secret: str) -> Iterator[bytes]:
    raw = secret.encode("utf-8", "surrogateescape")
    for alignment in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            yield _determined(encode(bytes(alignment) + raw), alignment, len(raw))
    for text in (quote(raw, safe=""), quote(raw), quote_plus(raw)):
        yield text.encode("ascii")
    for ascii_only in (True, False):
        escaped = json.dumps(secret, ensure_ascii=ascii_only)[1:-1]
        yield escaped.encode("utf-8", "surrogateescape")


def _determined(encoded: bytes, alignment: int, length: int) -> bytes:
    """The characters of base64 that depend on the secret alone, whatever stands before and after it."""
    return encoded[-(-alignment * 8 // 6) : (alignment + length) * 8 // 6]


class Redaction:
    """The needles of a workload. Makes one `Masker` for each stream."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self.needles = needles(secrets)

    def stream(self) -> Masker:
        return Masker(self.needles)

    def mask(self, text: str) -> str:
        """A whole text, masked."""
        masker = self.stream()
        data = text.encode("utf-8", "surrogateescape")
        return (masker.feed(data) + masker.flush()).decode("utf-8", "replace")

    def complain(self, text: str) -> None:
        """Write to the launcher's own stderr, masked: the last place to say something."""
        with suppress(OSError):  # it lies on the disk that may be full, and there is no place after it
            os.write(2, f"{self.mask(text)}\n".encode())


class Masker:
    """One stream on its way out.

    `_held` is the shortest end of what came so far that must wait: the longest one that begins a
    needle. Its first `_covered` bytes belong to an occurrence that began before them.
    """

    def __init__(self, needles: Iterable[bytes]) -> None:
        self._needles = [(needle, needle[:1], len(needle)) for needle in needles]
        self._held = b""
        self._covered = 0

    def feed(self, data: bytes) -> bytes:
        """What may go out now; the rest comes with a later call."""
        buffer = self._held + data if self._held else data
        return self._release(buffer, self._hold_from(buffer))

    def flush(self) -> bytes:
        """What was held back: at the end of the stream it is the beginning of no secret."""
        return self._release(self._held, len(self._held))

    def _release(self, buffer: bytes, hold: int) -> bytes:
        spans = list(self._occurrences(buffer))
        covered = self._covered
        self._held = buffer[hold:]
        self._covered = max([0, covered - hold, *(end - hold for start, end in spans if start < hold)])
        if not spans and not covered:
            return buffer if hold == len(buffer) else buffer[:hold]
        return _masked(buffer, [(0, covered), *spans])[:hold]

    def _occurrences(self, buffer: bytes) -> Iterator[tuple[int, int]]:
        for needle, _, length in self._needles:
            at = buffer.find(needle)
            while at >= 0:
                yield at, at + length
                at = buffer.find(needle, at + 1)

    def _hold_from(self, buffer: bytes) -> int:
        """Offset of the earliest end of `buffer` that is a proper beginning of a needle."""
        hold = len(buffer)
        for needle, first, length in self._needles:
            at = buffer.find(first, max(0, len(buffer) - length + 1), hold)
            while at >= 0:
                if needle.startswith(buffer[at:]):
                    hold = at
                    break
                at = buffer.find(first, at + 1, hold)
        return hold


def _masked(buffer: bytes, spans: Iterable[tuple[int, int]]) -> bytes:
    out = bytearray(buffer)
    for start, end in spans:
        out[start:end] = MASK * (end - start)
    return bytes(out)
