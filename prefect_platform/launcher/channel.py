"""One source on its way to the platform: which bytes it has, and which come next.

The platform takes only the next offset. When it says where it stands (416), that is where we go on.
"""

from __future__ import annotations

from typing import Any

from prefect_platform.launcher.connection import Connection
from prefect_platform.launcher.faults import LaunchFault, Refused, Unreachable
from prefect_platform.launcher.source import Source

BATCH_BYTES = 4 << 20
"""Largest body of one append that the platform takes."""
LEAST_BATCH_BYTES = 64 << 10
OFFSET_MISMATCH = 416
TOO_LARGE = 413


class Lost(LaunchFault):
    """The platform lacks bytes that it had acknowledged, or has bytes that were never written."""


class Channel:
    """Appends and seals one source."""

    def __init__(self, connection: Connection, base: str, source: Source) -> None:
        self.source = source
        self.sealed = False
        self.given_up = False
        """Nothing more of this source will be taken by the platform."""
        self.known = False
        """Whether the platform has answered for this source."""
        self._connection = connection
        self._path = f"{base}/logs/{source.name}"
        self._sent = 0
        self._batch = BATCH_BYTES

    @property
    def backlog(self) -> int:
        """Bytes that wait to be sent."""
        return 0 if self.given_up else self.source.size - self._sent

    def append(self) -> dict[str, Any]:
        """Send the next bytes, or none as a sign of life. Returns what the platform answers.

        Raises:
            Unreachable, Refused: as `Connection.call`.
            Lost: the two ends cannot be brought together again.
        """
        start = self._sent
        data = self._next(start)
        end = start + len(data)
        headers = {"Content-Type": "application/octet-stream"}
        headers["Content-Range"] = f"bytes {start}-{end - 1 if data else ''}/*"
        if data:
            headers["Log-Times"] = self.source.arrivals.header(start, end)
        try:
            answer = self._connection.call("PATCH", self._path, data, headers)
        except Refused as refusal:
            return self._again(refusal, start)
        self._resume(answer)
        return answer

    def seal(self) -> None:
        """Tell the platform that this was all of it; raises what `append` raises."""
        try:
            self._connection.post(
                f"{self._path}/seal", {"size": self.source.size, "sha256": self.source.sha256}
            )
        except Refused as refusal:
            if refusal.status != OFFSET_MISMATCH:
                raise
            self._again(refusal, self._sent)
            return
        self.sealed = True
        self.source.spool.acknowledge(self._sent)

    def _next(self, start: int) -> bytes:
        try:
            return self.source.spool.read(start, self._batch)
        except LookupError as error:
            raise Lost(f"The platform asks for bytes it had acknowledged: {error}.") from error

    def _again(self, refusal: Refused, start: int) -> dict[str, Any]:
        """What to do after a refusal that only means "not like this"."""
        if refusal.status == TOO_LARGE and self._batch > LEAST_BATCH_BYTES:
            self._batch //= 2
            return {}
        if refusal.status != OFFSET_MISMATCH:
            raise refusal
        self._resume(refusal.data)
        if self._sent == start:
            raise Unreachable(f"The platform refuses the offset that it asks for: {refusal}") from refusal
        return refusal.data

    def _resume(self, answer: dict[str, Any]) -> None:
        """Go on where the platform says that it stands."""
        size = answer.get("size")
        if not isinstance(size, int):
            raise Unreachable("The platform's answer to an append has no size.")
        if size > self.source.size:
            raise Lost(f"The platform has {size} bytes of {self.source.name}, more than were ever written.")
        self._sent = size
        self.known = True
        self.source.spool.acknowledge(size)
        self.source.arrivals.forget(size)
