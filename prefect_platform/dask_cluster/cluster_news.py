"""What somebody should hear of a cluster while they work with it, each thing once."""

from __future__ import annotations

from collections import Counter

from prefect_platform.wire.clusters import Cluster, MemberStatus


class News:
    """Remembers what was told."""

    def __init__(self) -> None:
        self._told: set[tuple[str, ...]] = set()
        self._waiting: str | None = None

    def of(self, found: Cluster) -> list[str]:
        """Sentences that are new."""
        return [*self._lost(found), *self._broken(found), *self._waits(found)]

    def _lost(self, found: Cluster) -> list[str]:
        return [
            f"{event.member} was lost: {event.reason}"
            for event in found.events
            if self._is_new("lost", event.member, event.at.isoformat())
        ]

    def _broken(self, found: Cluster) -> list[str]:
        """Promises that were not kept, such as an environment that is not this kernel's."""
        return [
            _said(one.name, promise.summary, promise.differences)
            for one in found.members
            for promise in one.promises
            if not promise.kept and self._is_new("broken", one.name, promise.name.value)
        ]

    def _waits(self, found: Cluster) -> list[str]:
        """Why workers wait for room: once it was the same in two looks, for each begins by waiting."""
        reasons = Counter(one.reason for one in found.members if one.status is MemberStatus.QUEUED)
        reason = next(iter(reasons), None)
        before, self._waiting = self._waiting, reason
        if reason is None or reason != before or not self._is_new("waits", reason, str(reasons[reason])):
            return []
        return [f"{reasons.total()} of {found.n_workers} workers wait. {reason}"]

    def _is_new(self, *what: str) -> bool:
        if what in self._told:
            return False
        self._told.add(what)
        return True


def _said(member: str, summary: str, differences: list[str]) -> str:
    named = "; ".join(differences[:5])
    more = f"; and {len(differences) - 5} more" if len(differences) > 5 else ""
    return f"{member}: {summary}{f' ({named}{more})' if named else ''}"


def waiting(found: Cluster) -> str:
    """Why workers are not there yet, in a sentence for who waited for them; empty where nothing is known."""
    queued = [one for one in found.members if one.status is MemberStatus.QUEUED and one.reason]
    if queued:
        return f"{len(queued)} of {found.n_workers} wait. {queued[0].reason}"
    if found.events:
        return f"{found.events[-1].member} was lost: {found.events[-1].reason}"
    starting = sum(one.status is MemberStatus.STARTING for one in found.members)
    return f"{starting} start now." if starting else f"The cluster is to have {found.n_workers}."
