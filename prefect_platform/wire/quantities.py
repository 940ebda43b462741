"""Amounts as people write them: bytes such as `16GiB`, times such as `2h`. Pure functions."""

from __future__ import annotations

import math
import re

_UNITS = {
    "": 1, "b": 1,
    "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12,
    "k": 1 << 10, "ki": 1 << 10, "kib": 1 << 10, "m": 1 << 20, "mi": 1 << 20, "mib": 1 << 20,
    "g": 1 << 30, "gi": 1 << 30, "gib": 1 << 30, "t": 1 << 40, "ti": 1 << 40, "tib": 1 << 40,
}  # fmt: skip
_SECONDS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}
_AMOUNT = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,6})?)\s?([A-Za-z]{0,3})", re.ASCII)
_TIME = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,3})?)\s?(s|min|m|h|d)\s*", re.ASCII)
_MOST_BYTES = 1 << 60


def byte_count(text: str) -> int:
    """Bytes of `16GiB`, `512Mi`, `1.5TB`; a number alone is bytes.

    Raises:
        ValueError: it is none; the message gives an example.
    """
    found = _AMOUNT.fullmatch(text.strip())
    factor = _UNITS.get(found[2].lower()) if found else None
    if found is None or factor is None:
        raise ValueError("expected bytes such as '16GiB' or '512MiB'")
    whole = round(float(found[1]) * factor)
    if whole > _MOST_BYTES:
        raise ValueError("more bytes than there are anywhere; write such as '16GiB'")
    return whole


def seconds(text: str) -> float:
    """Seconds of `2h`, `90min`, `1h30m`, `45s`; a number alone is seconds.

    Raises:
        ValueError: it is none; the message gives an example.
    """
    rest, total = text.strip(), 0.0
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,3})?", rest, re.ASCII):
        return float(rest)
    while rest:
        found = _TIME.match(rest)
        if found is None:
            raise ValueError("expected a time such as '2h', '90min' or '1h30m'")
        total += float(found[1]) * _SECONDS[found[2]]
        rest = rest[found.end() :]
    if not total:
        raise ValueError("expected a time such as '2h', '90min' or '1h30m'")
    return total


def shown_bytes(count: int) -> str:
    """`16 GiB`, `1.5 GiB`, `512 MiB`."""
    for unit, factor in (("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if count >= factor:
            return f"{math.floor(count / factor * 10 + 0.5) / 10:g} {unit}"
    return f"{count} B"


def shown_cores(cores: float) -> str:
    """`1 core`, `0.5 cores`, `16 cores`."""
    return f"{cores:g} core{'' if cores == 1 else 's'}"


def shown_seconds(count: float) -> str:
    """`6 h`, `3 d`, `90 min`, `45 s`: the largest unit that says it whole, or minutes."""
    for unit, factor in (("d", 86400), ("h", 3600), ("min", 60)):
        if count >= factor and (count % factor == 0 or unit == "min"):
            return f"{math.floor(count / factor + 0.5):g} {unit}"
    return f"{count:g} s"
