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
TOKEN = re.compile(rb"pp_(user|agent|workload|code)_[A-Za-z0-9_-]{43}")
"""A token of a platform, wherever it stands: such bytes are never stored and never travel."""

DEFAULT_PROJECT = "default"
LABEL_TAG = "platform"
STORAGE_TAG = "webhook-flow-storage"
WORKER_TYPE = "platform"
RESULTS_BLOCK = "platform-results"
"""Slug of the Prefect block type that keeps results on the platform."""


def new_id(kind: str) -> str:
    """A fresh id such as `wl-01jd…`, ordered by time within one millisecond's precision."""
    number = (time.time_ns() // 1_000_000) << 80 | secrets.randbits(80)
    digits = [_CROCKFORD[(number >> shift) & 31] for shift in range(125, -1, -5)]
    return f"{kind}-{''.join(digits)}"


def work_pool_name(installation_id: str) -> str:
    """The Prefect work pool of one installation."""
    return f"platform-{installation_id}"


def results_block_name(installation_id: str, project: str) -> str:
    """The Prefect block document of one project's results: several installations may share a Prefect."""
    return f"{project}-{installation_id}"


def nearest(word: str, known: Iterable[str]) -> str:
    """` Did you mean 'x'?` for the nearest known word, or nothing."""
    found = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f" Did you mean {found[0]!r}?" if found else ""


def label(text: str) -> str:
    """A name that somebody chose elsewhere, as the platform takes it: one line of 1 to 255 characters."""
    flat = "".join(" " if ord(letter) < 32 or 0x7F <= ord(letter) < 0xA0 else letter for letter in text)
    return flat[:255].encode("utf-8", "replace").decode() or "?"
