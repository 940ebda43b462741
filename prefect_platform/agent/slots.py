"""How many flow runs may be taken now: the platform's word, less what it cannot know yet.

A claimed flow run holds a slot from the decision to claim it until the platform has its attempt.
The platform's answer on capacity is as old as the question, so a slot given up after the question
was asked still counts against that answer.
"""

from __future__ import annotations

import anyio


class Slots:
    """Slots held by claims that the platform has no attempt for."""

    def __init__(self) -> None:
        self._held: set[str] = set()
        self._known_since: dict[str, int] = {}
        self._now = 0
        self._emptied = anyio.Event()

    def mark(self) -> int:
        """A point in time; take it before asking for the capacity."""
        self._now += 1
        return self._now

    def hold(self, flow_run_id: str) -> None:
        self._held.add(flow_run_id)

    def known(self, flow_run_id: str) -> None:
        """The platform has its attempt now: answers to later questions count it."""
        self.drop(flow_run_id)
        self._known_since[flow_run_id] = self._now

    def drop(self, flow_run_id: str) -> None:
        """The claim was lost or given back."""
        self._held.discard(flow_run_id)
        if not self._held:
            self._emptied.set()
            self._emptied = anyio.Event()

    async def empty(self) -> None:
        """Wait until no slot is held."""
        while self._held:
            await self._emptied.wait()

    def __contains__(self, flow_run_id: str) -> bool:
        return flow_run_id in self._held

    def __len__(self) -> int:
        return len(self._held)

    def free(self, slots: int, asked_at: int) -> int:
        """Slots left of an answer to a question asked at `asked_at`."""
        self._known_since = {key: at for key, at in self._known_since.items() if at >= asked_at}
        return max(0, slots - len(self._held) - len(self._known_since))
