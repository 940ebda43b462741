"""What the launcher tells the platform beside log bytes: its steps, and at last its result.

Steps carry the time at which they happened and may be sent later: nothing waits for them. The result
is on disk before it is sent, so that a backend can deliver it where the launcher could not.
"""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prefect_platform.launcher.redaction import Redaction
from prefect_platform.launcher.source import timestamp

MAX_TEXT = 4096
MAX_LAST_LINES = 8192
MAX_NAME = 255


STEPS, PROMISES, ENVIRONMENT = "steps", "promises", "environment"
"""What a report is of, as the end of its path at the platform."""
MAX_SUMMARY, MAX_DIFFERENCES = 1024, 200
STATE_TYPES = frozenset(
    ("SCHEDULED", "PENDING", "RUNNING", "COMPLETED", "FAILED", "CANCELLED", "CRASHED", "PAUSED", "CANCELLING")
)
"""Prefect's. They settle how a run ended, and say nothing of a secret that is spelled like one of them."""


@dataclass(frozen=True)
class Report:
    """One thing to tell the platform."""

    of: str
    body: dict[str, Any]


@dataclass(frozen=True)
class Promise:
    """One of the six promises, as it was found before user code was started."""

    name: str
    """`size`, `gpu`, `environment`, `code`, `secrets` or `logs`."""
    kept: bool
    summary: str
    differences: Sequence[str] = ()


class Steps:
    """Steps and promises on their way to the platform, oldest first. `added` is called after each new one."""

    def __init__(self, redaction: Redaction, added: Callable[[], None]) -> None:
        self._redaction = redaction
        self._added = added
        self._waiting: deque[Report] = deque()

    def add(self, name: str, detail: str | None = None) -> None:
        """Note that a step happens now."""
        text = None if detail is None else _text(detail, self._redaction)
        self._wait(Report(STEPS, {"name": name, "at": timestamp(time.time()), "detail": text}))

    def promise(self, promises: Iterable[Promise]) -> None:
        """Tell what was found of all promises; it takes the place of what was told before."""
        self._wait(Report(PROMISES, {"promises": [self._promise(one) for one in promises]}))

    def environment(self, found: dict[str, Any]) -> None:
        """Tell which environment was found; it takes the place of what was told before. Its fingerprint is a
        digest: it says nothing of a secret that happens to stand in it."""
        body = {**self._masked(found), "fingerprint": found["fingerprint"]}
        self._wait(Report(ENVIRONMENT, body))

    def first(self) -> Report | None:
        """The oldest report that has not been delivered."""
        return self._waiting[0] if self._waiting else None

    def delivered(self) -> None:
        """The oldest report is done with."""
        self._waiting.popleft()

    def _wait(self, report: Report) -> None:
        self._waiting.append(report)
        self._added()

    def _masked(self, value: Any) -> Any:
        """A document with every text in it masked and bounded."""
        if isinstance(value, dict):
            return {name: self._masked(one) for name, one in value.items()}
        if isinstance(value, list):
            return [self._masked(one) for one in value]
        return _text(value, self._redaction) if isinstance(value, str) else value

    def _promise(self, promise: Promise) -> dict[str, Any]:
        return {
            "name": promise.name,
            "kept": promise.kept,
            "summary": _text(promise.summary, self._redaction)[:MAX_SUMMARY],
            "differences": [_text(one, self._redaction) for one in promise.differences[:MAX_DIFFERENCES]],
        }


def result_document(end: dict[str, Any], last_lines: str, redaction: Redaction) -> dict[str, Any]:
    """The body of the result report, masked and within the bounds of its fields."""
    reason = end["reason"]
    return {
        **end,
        "receipt": end["receipt"] if end["receipt"] in STATE_TYPES else _name(end["receipt"], redaction),
        "receipt_state_name": _name(end["receipt_state_name"], redaction),
        "reason": None if reason is None else _text(reason, redaction),
        "last_lines": last_lines[-MAX_LAST_LINES:] or None,
    }


def _text(text: str, redaction: Redaction) -> str:
    """What the platform takes of a text that came from anywhere: masked, bounded, without NUL."""
    return redaction.mask(text).replace("\0", "\N{REPLACEMENT CHARACTER}")[:MAX_TEXT]


def _name(text: str | None, redaction: Redaction) -> str | None:
    """A name that user code chose, on one line: the platform takes no other, and the result must arrive."""
    line = " ".join(_text(text or "", redaction).split())
    return "".join(filter(str.isprintable, line))[:MAX_NAME] or None


def write_result(directory: Path, document: dict[str, Any]) -> None:
    """Put the result where the backend finds it, in one step.

    Raises:
        OSError: there is no room for it.
    """
    draft = directory / "result.json.part"
    draft.write_text(json.dumps(document), encoding="utf-8")
    draft.chmod(0o600)
    draft.replace(directory / "result.json")
