"""Why the agent cannot do something at the moment: one sentence a subject, said once and taken back."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from prefect_platform.errors import PlatformError

log = logging.getLogger("prefect_platform.agent")

_MENTION = 120.0
"""Seconds for which a passing remark is part of the report."""


class Problems:
    """What is wrong now. A subject is `platform`, `prefect`, or the like."""

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._open: dict[str, str] = {}
        self._since: dict[str, datetime] = {}
        self._now = now
        self._remark: tuple[str, float] | None = None
        self._clock = clock

    def open(self, subject: str, sentence: str) -> None:
        if subject not in self._open:
            log.warning("%s", sentence)
            self._since[subject] = self._now()
        self._open[subject] = sentence

    def close(self, subject: str) -> None:
        if self._open.pop(subject, None) is not None:
            del self._since[subject]
            log.info("The trouble with %s is over.", subject)

    @property
    def since(self) -> datetime | None:
        """When the oldest thing that is wrong began; None if nothing is."""
        return min(self._since.values(), default=None)

    def remark(self, sentence: str) -> None:
        """Something wrong with one flow run; it is shown for two minutes."""
        log.warning("%s", sentence)
        self._remark = (sentence, self._clock())

    def sentence(self) -> str | None:
        """Everything that is wrong, or nothing; at most what a report may carry."""
        said = list(self._open.values())
        if self._remark and self._clock() - self._remark[1] < _MENTION:
            said.append(self._remark[0])
        text = " ".join(said)
        return (text if len(text) <= 1024 else text[:1023] + "…") or None

    @contextmanager
    def watch(self, subject: str) -> Iterator[None]:
        """Open `subject` for a `PlatformError` raised inside, and close it if all goes well.

        The error is not raised again: whoever loops asks again by itself. Anything that is no
        `PlatformError` is a fault of ours and ends the process with its traceback.
        """
        try:
            yield
        except PlatformError as error:
            self.open(subject, error.message)
        else:
            self.close(subject)
