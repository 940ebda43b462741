"""One stream on its way out, masked: the same bytes come out however they were cut when they came in.

Every byte that belongs to an occurrence becomes `*`, but ends of lines stay, so that a log keeps its
lines. Lengths stay the same. Only the end of a piece that may be the beginning of a secret is held back,
so ordinary lines pass at once.
"""

from __future__ import annotations

from collections.abc import Iterable

from prefect_platform.masking.automaton import Span
from prefect_platform.masking.matcher import Matcher

MASK = b"*"
_MASKED = bytes(byte if byte == ord("\n") else MASK[0] for byte in range(256))


class Masker:
    """`_held` must wait; its first `_covered` bytes belong to an occurrence that began before them."""

    def __init__(self, matcher: Matcher | None) -> None:
        self._matcher = matcher
        self._held = b""
        self._covered = 0

    def use(self, matcher: Matcher | None) -> None:
        """Look for what this matcher knows from the next piece on; from any thread."""
        self._matcher = matcher

    def feed(self, data: bytes) -> bytes:
        """What may go out now; the rest comes with a later call."""
        matcher = self._matcher
        if matcher is None:
            return data
        buffer = self._held + data if self._held else data
        return self._release(matcher, buffer, matcher.pending(buffer))

    def flush(self) -> bytes:
        """What was held back: at the end of the stream it is the beginning of no secret."""
        return self._release(self._matcher, self._held, len(self._held)) if self._matcher else b""

    def _release(self, matcher: Matcher, buffer: bytes, hold: int) -> bytes:
        spans = matcher.spans(buffer)
        covered = self._covered
        self._held = buffer[hold:]
        self._covered = max([0, covered - hold, *(end - hold for start, end in spans if start < hold)])
        if covered:
            spans = [(0, covered), *spans]
        return masked(buffer, spans)[:hold]


def masked(data: bytes, spans: Iterable[Span]) -> bytes:
    """A copy of `data` with these spans masked; `data` itself if there are none."""
    out: bytearray | None = None
    for start, end in spans:
        out = bytearray(data) if out is None else out
        out[start:end] = data[start:end].translate(_MASKED)
    return data if out is None else bytes(out)
