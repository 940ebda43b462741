"""What masking must do, said slowly: the reference that every engine is compared with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from prefect_platform.masking import native
from prefect_platform.masking.masker import Masker
from prefect_platform.masking.matcher import Everywhere, Finder, Matcher, plain

NATIVE = native.library()


def expected(text: bytes, needles: Iterable[bytes]) -> bytes:
    """The definition: every byte of every occurrence, but ends of lines stay."""
    out = bytearray(text)
    for needle in needles:
        at = text.find(needle)
        while at >= 0:
            for place in range(at, at + len(needle)):
                if text[place] != ord("\n"):
                    out[place] = ord("*")
            at = text.find(needle, at + 1)
    return bytes(out)


def finders(needles: Sequence[bytes]) -> list[Finder]:
    """Every finder that there is for these needles."""
    assert NATIVE is not None, "the native matcher belongs to the server extra"
    return [
        plain(needles),
        native.Native(needles, NATIVE),
        native.Native(needles, NATIVE, table_after=1),
        Everywhere(),
    ]


def streamed(pieces: Iterable[bytes], matcher: Matcher) -> bytes:
    masker = Masker(matcher)
    return b"".join([*(masker.feed(piece) for piece in pieces), masker.flush()])
