"""An Aho-Corasick automaton in plain Python, of which only the states that a text visits are ever made.

It reads every byte once, whatever the needles and the text are, so its time is linear. It is slow for
Python's reasons (some 10 MB/s): `matcher` has it read only where a faster finder says that something may be.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence

Span = tuple[int, int]
MOST_STATES = 1 << 16
"""States to keep before they are made afresh: a text made from many secrets must not fill the memory."""


class State(dict[int, "State"]):
    """The longest end of the text so far that begins a needle. Maps the next byte to the next state."""

    __slots__ = ("automaton", "depth", "fail", "hit", "pending", "prefix")

    automaton: Automaton
    prefix: bytes
    depth: int
    fail: State
    """The state of the next shorter end."""
    hit: int
    """Length of the longest needle that ends here, or 0."""
    pending: int
    """Length of the longest end of the text that more bytes may make a needle."""

    def __missing__(self, byte: int) -> State:
        self[byte] = found = self.automaton.after(self, byte)
        return found


class Automaton:
    """Finds needles. Several threads may use one: what two of them make at once is the same twice."""

    def __init__(self, needles: Iterable[bytes]) -> None:
        self._needles = sorted(set(needles))
        self._longest = max(map(len, self._needles))
        self._states = 0
        self._root = self._state(b"", None)

    def spans(self, data: bytes, candidates: Iterable[Span]) -> list[Span]:
        """Where needles stand that begin in one of `candidates`: each from a first to a last offset,
        in order of the first. What touches is joined."""
        found: list[Span] = []
        state, at = self._root, 0
        for first, last in candidates:
            if first >= at:
                state, at = self._root, first
            for byte in data[at : last + 1]:
                at += 1
                state = state[byte]
                if state.hit:
                    join(found, at - state.hit, at)
            while at - state.depth <= last and at < len(data):
                state = state[data[at]]
                at += 1
                if state.hit:
                    join(found, at - state.hit, at)
        return found

    def pending(self, data: bytes) -> int:
        """Offset of the longest end of `data` that may become a needle; its length if none may."""
        state = self._root
        for byte in data[max(0, len(data) - self._longest + 1) :]:
            state = state[byte]
        return len(data) - state.pending

    def after(self, state: State, byte: int) -> State:
        """The state that `byte` leads to."""
        prefix = state.prefix + bytes((byte,))
        if not self._begins(self._needles, prefix):
            return state if state is self._root else state.fail[byte]
        return self._state(prefix, self._root if state is self._root else state.fail[byte])

    def _state(self, prefix: bytes, fail: State | None) -> State:
        if self._states >= MOST_STATES:
            self._root.clear()  # what is being read keeps its own states until it is back at the root
            self._states = 0
        self._states += 1
        state = State()
        state.automaton, state.prefix, state.depth = self, prefix, len(prefix)
        state.fail = state if fail is None else fail
        at = bisect_left(self._needles, prefix)
        whole = self._needles[at] == prefix
        goes_on = self._begins(self._needles[at + whole : at + whole + 1], prefix)
        state.hit = len(prefix) if whole else 0 if fail is None else fail.hit
        state.pending = len(prefix) if goes_on else 0 if fail is None else fail.pending
        return state

    @staticmethod
    def _begins(needles: Sequence[bytes], prefix: bytes) -> bool:
        """Whether one of the sorted `needles` begins with `prefix`."""
        at = bisect_left(needles, prefix)
        return at < len(needles) and needles[at].startswith(prefix)


def join(found: list[Span], start: int, end: int) -> None:
    """Add a span to others that lie in order, and make one of those that touch it."""
    while found and found[-1][1] >= start:
        first, last = found.pop()
        start, end = min(start, first), max(end, last)
    found.append((start, end))
