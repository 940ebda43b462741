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

from prefect_platform.errors import PlatformError
from prefect_platform.masking.matcher import Matcher, footprint, matcher

KEPT = 200
"""Workloads whose values are kept; those that were silent the longest are read again when they speak."""
KEPT_BYTES = 256 << 20
"""What their matchers may take of memory together."""
AGAIN_SECONDS = 15.0
"""Values that could not be read are read again with the first append after this long."""
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
    again_at: float | None = None
    """Uptime from which on to read the values again, where not all of them could be read."""
    failures: int = 0
    """How often they could not, one after another."""
    streams: dict[str, Stream] = field(default_factory=dict)
    _matcher: Matcher | None = None
    _made: bool = False
    _making: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False)

    def __post_init__(self) -> None:
        self.bytes = footprint(self.values)
        """About what its matcher takes."""

    async def matcher(self) -> Matcher | None:
        """The matcher, made once, in a thread. Of the values alone: it is shared by all sources."""
        async with self._making:
            if not self._made:
                self._matcher = await asyncio.to_thread(matcher, self.values, large=False)
                self._made = True
        return self._matcher


class LogMasks:
    """By workload, the ones heard of last, as far as there is room for them."""

    def __init__(self, read: SecretReader = nothing, most_bytes: int = KEPT_BYTES) -> None:
        self.read = read
        self._most_bytes = most_bytes
        self._known: OrderedDict[str, Known] = OrderedDict()

    def given(self, workload_id: str, values: Iterable[str]) -> None:
        """A workload gets these values, beside those that it got before and may still have."""
        known = self._known.get(workload_id)
        if known is None:
            self._keep(workload_id, Known(frozenset(values)))
        elif not known.values.issuperset(values := frozenset(values)):
            again = known.again_at, known.failures
            self._keep(workload_id, Known(known.values | values, *again, streams=known.streams))

    async def of(self, workload_id: str, always: Sequence[str], uptime: float) -> Known:
        """What is known; `always` are the values that every workload is given.

        Raises:
            PlatformError: the others cannot be read. Until they are read again, a while from `uptime` on,
                `known` has those that are known without them.
        """
        known = self._known.get(workload_id)
        if known is not None and (known.again_at is None or uptime < known.again_at):
            self._known.move_to_end(workload_id)
            return known
        try:
            values = await self.read(workload_id)
        except PlatformError:
            self._read_later(workload_id, always, uptime)
            raise
        self.given(workload_id, [*values, *always])
        self._known[workload_id].again_at = None
        return self._known[workload_id]

    def known(self, workload_id: str) -> Known | None:
        if workload_id in self._known:
            self._known.move_to_end(workload_id)
        return self._known.get(workload_id)

    def forget(self, workload_id: str) -> None:
        """Its log takes nothing more."""
        self._known.pop(workload_id, None)

    def _read_later(self, workload_id: str, always: Sequence[str], uptime: float) -> None:
        before = self._known.get(workload_id)
        self.given(workload_id, always)
        known = self._known[workload_id]
        if before is None or before.again_at is not None:  # else its claim was answered here meanwhile
            known.again_at, known.failures = uptime + AGAIN_SECONDS, known.failures + 1

    def _keep(self, workload_id: str, known: Known) -> None:
        """Also one that takes more than there is room for, as the only one: it speaks just now."""
        self._known[workload_id] = known
        self._known.move_to_end(workload_id)
        used = sum(one.bytes for one in self._known.values())
        while len(self._known) > 1 and (len(self._known) > KEPT or used > self._most_bytes):
            used -= self._known.popitem(last=False)[1].bytes
