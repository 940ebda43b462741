"""Logs: sources, appends, seals and reads."""

from __future__ import annotations

import re
from enum import StrEnum

from pydantic import Field

from prefect_platform.wire.base import Answer, Identifier, Request, Sha256, When

SOURCE = re.compile(r"^[a-z][a-z0-9-]{0,63}$")
"""Names of sources: `launcher`, `start-script`, `flow`, `dask-worker-3`."""

MAX_APPEND_BYTES = 4 << 20
"""Largest body of one append."""

TIMES_HEADER = "Log-Times"
"""Request header of an append: comma-separated `offset:epoch_ms`, offsets absolute and rising:
the bytes from that offset on arrived at that time. The first names the first byte of the append."""


class AppendAnswer(Answer):
    """The answer to an append, and with status 416 the data of the problem."""

    size: int
    """Bytes of this source that the platform holds: the only offset it accepts next."""
    interval: float
    """Seconds until the launcher should send again; shorter while somebody watches."""
    stop: bool
    """Whether this workload is to end."""


class SealRequest(Request):
    size: int = Field(ge=0)
    sha256: Sha256


class Gap(Answer):
    """Bytes that existed and are not here, with a visible marker at `offset` in their place."""

    offset: int
    missing_bytes: int | None
    """None where nobody can know how many; `at_most` then bounds it."""
    at_most: int | None = None
    reason: str


class LogSource(Answer):
    workload_id: Identifier
    source: str
    size: int
    lines: int
    """Lines begun: a last line without newline counts."""
    sealed_at: When | None
    sha256: Sha256 | None
    gaps: list[Gap]
    first_at: When | None
    last_at: When | None
    removed_at: When | None = None
    """When retention removed its bytes: the rest says what they were."""

    @property
    def removal(self) -> str:
        """What became of a log whose time was over, and what it was; empty while it is there."""
        if self.removed_at is None:
            return ""
        digest = f", SHA-256 {self.sha256}" if self.sha256 else ""
        return (
            f"Log {self.source!r} of workload {self.workload_id} was removed on "
            f"{self.removed_at.date().isoformat()}, when its time was over "
            f"(PREFECT_PLATFORM_RETENTION_LOG_DAYS). It had {self.lines} lines, {self.size} bytes{digest}."
        )


class LogLevel(StrEnum):
    """What a search by level finds."""

    ERROR = "error"
    WARNING = "warning"
    """Warnings and errors."""


class LogHit(Answer):
    """A line that a search found."""

    workload_id: Identifier
    source: str
    line: int
    """Zero-based."""
    at: When | None
    text: str
    """What stands around the hit, without colours; not more of the line than that."""
    start: int
    end: int
    """Characters of `text` that are the hit."""


class LogChunk(Answer):
    """A piece of a source. `text` is UTF-8 with U+FFFD for what is not; offsets count bytes."""

    workload_id: Identifier
    source: str
    offset: int
    end: int
    first_line: int
    """Zero-based number of the line that `offset` lies in."""
    text: str
    at: When | None
    times: list[tuple[int, int]] = []
    """Offsets and the milliseconds since the epoch at which the bytes from there on arrived, rising. The
    first may lie before `offset`."""
    eof: bool
    """Whether the source is sealed and this piece reaches its end."""
