"""Names and ids: pure functions, no I/O.

An id is `<kind>-<26 characters>`: a millisecond timestamp and 80 random bits in Crockford's
base 32, so ids sort by age and are safe in a path, a label and a URL.
"""

from __future__ import annotations

import difflib
import re
import secrets
import time
from collections.abc import Iterable

_CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")

DEFAULT_PROJECT = "default"
LABEL_TAG = "platform"
STORAGE_TAG = "webhook-flow-storage"
WORKER_TYPE = "platform"


def new_id(kind: str) -> str:
    """A fresh id such as `wl-01jd…`, ordered by time within one millisecond's precision."""
    number = (time.time_ns() // 1_000_000) << 80 | secrets.randbits(80)
    digits = [_CROCKFORD[(number >> shift) & 31] for shift in range(125, -1, -5)]
    return f"{kind}-{''.join(digits)}"


def is_name(text: str) -> bool:
    """Whether `text` is a DNS label: lowercase letters, digits, dashes, at most 63."""
    return bool(_NAME.fullmatch(text))


def work_pool_name(installation_id: str) -> str:
    """The Prefect work pool of one installation."""
    return f"platform-{installation_id}"


def nearest(word: str, known: Iterable[str]) -> str:
    """` Did you mean 'x'?` for the nearest known word, or nothing."""
    found = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f" Did you mean {found[0]!r}?" if found else ""
