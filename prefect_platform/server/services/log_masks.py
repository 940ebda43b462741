"""What this process knows of the secrets of running workloads, so that appends can be looked at once more.

Nothing of it is on disk. Values come with the claim; a process that did not answer the claim, or has been
restarted since, reads them again through `read`. What nobody can name is not looked for.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field

from prefect_platform.masking.matcher import Matcher, matcher

KEPT = 200
"""Workloads whose values are kept; those that were silent the longest are read again when they speak."""
SecretReader = Callable[[str], Awaitable[Sequence[str]]]
"""The values that a workload was given and that can be read again, by its id. Empty for one without."""


async def nothing(_workload_id: str) -> Sequence[str]:
    """The reader where no values can be read again."""
    return ()


class Came:
    """The SHA-256 of what a launcher sent, where that is no longer what is stored."""

    def __init__(self) -> None:
        self.size = 0
        self._sha256 = hashlib.sha256()

    def feed(self, offset: int, data: bytes) -> None:
        """Take the bytes from `offset` on, of which some may have been taken before."""
        if offset <= self.size:
            self._sha256.update(memoryview(data)[self.size - offset :])
            self.size = max(self.size, offset + len(data))

    def is_other(self, size: int, sha256: str) -> bool:
        """Whether this is certainly not what was sent. Without all of the bytes nobody can tell."""
        return self.size == size and self._sha256.hexdigest() != sha256


@dataclass
class Stream:
    """One source: its end as it came, before anything of it was masked here."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held by an append: the next one needs the end of this one."""
    end: int = -1
    tail: bytes = field(default=b"", repr=False)
    """The last bytes before `end`."""
    came: Came | None = None
    """From the first hit on."""
    hits: int = 0


@dataclass
class Known:
    """One workload. `matcher` is made with the first append: many runs never print."""

    values: frozenset[str] = field(repr=False)
    made: bool = False
    matcher: Matcher | None = None
    streams: dict[str, Stream] = field(default_factory=dict)

    def make(self) -> None:
        """Build the matcher. Of the values alone: it is shared by all sources."""
        if not self.made:
            self.matcher, self.made = matcher(self.values, large=False), True


class LogMasks:
    """By workload, the ones heard of last."""

    def __init__(self, read: SecretReader = nothing) -> None:
        self.read = read
        self._known: OrderedDict[str, Known] = OrderedDict()

    def given(self, workload_id: str, values: Iterable[str]) -> None:
        """A workload gets these values, beside those that it got before and may still have."""
        known = self._known.get(workload_id) or Known(frozenset())
        self._keep(workload_id, Known(known.values.union(values), streams=known.streams))

    async def of(self, workload_id: str, always: Sequence[str]) -> Known:
        """What is known; `always` are the values that every workload is given."""
        known = self._known.get(workload_id)
        if known is None:
            values = await self.read(workload_id)
            known = self._known.get(workload_id) or Known(frozenset([*values, *always]))
        self._keep(workload_id, known)
        return known

    def known(self, workload_id: str) -> Known | None:
        if workload_id in self._known:
            self._known.move_to_end(workload_id)
        return self._known.get(workload_id)

    def forget(self, workload_id: str) -> None:
        """Its log takes nothing more."""
        self._known.pop(workload_id, None)

    def _keep(self, workload_id: str, known: Known) -> None:
        self._known[workload_id] = known
        self._known.move_to_end(workload_id)
        while len(self._known) > KEPT:
            self._known.popitem(last=False)
