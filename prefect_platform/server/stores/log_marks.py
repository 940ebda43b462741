"""When bytes arrived, kept no finer than anybody asks: one mark per `COARSE_MS` at most."""

from __future__ import annotations

from collections.abc import Sequence

from prefect_platform.server.stores.logs import Mark

COARSE_MS = 100
"""A kept mark speaks for what arrived up to this much later."""


def to_keep(last: Mark | None, size: int, end: int, marks: Sequence[Mark]) -> list[Mark]:
    """Those of `marks` to keep for the new bytes `[size, end)`, after `last`.

    A mark before `size` speaks for the byte at `size`. Time never runs backwards in a log: a
    clock that was set back is held at the latest time seen.
    """
    kept: list[Mark] = []
    for mark in _placed(size, end, marks):
        ms = mark.ms if last is None else max(mark.ms, last.ms)
        if last is None or ms - last.ms >= COARSE_MS:
            last = Mark(mark.offset, ms)
            kept.append(last)
    return kept


def _placed(size: int, end: int, marks: Sequence[Mark]) -> list[Mark]:
    """The marks that lie in the new bytes, one an offset: the last told wins."""
    placed: dict[int, int] = {}
    for mark in marks:
        if mark.offset < end:
            placed[max(mark.offset, size)] = mark.ms
    return [Mark(offset, placed[offset]) for offset in sorted(placed)]
