"""Whose maker was not heard of for too long.

Silence is measured by the platform's own uptime, from when it saw the last renewal: a machine that slept with
both of them ends nothing, and a platform that was away gives everybody a whole lease again.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from prefect_platform.server.db.tables import ClusterRow
from prefect_platform.server.services.clock import Clock


class Leases:
    """The last renewal of each cluster, and the uptime at which it was seen first."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._seen: dict[str, tuple[datetime | None, float]] = {}

    def over(self, row: ClusterRow) -> bool:
        """Whether nobody has renewed the lease of a cluster in time."""
        if row.lease_seconds is None:
            return False
        now = self._clock.uptime()
        renewed, since = self._seen.get(row.id, (None, now))
        if renewed != row.leased_at:
            since = now
        self._seen[row.id] = (row.leased_at, since)
        return now - since > row.lease_seconds

    def keep(self, cluster_ids: Iterable[str]) -> None:
        """Forget all others: they have ended."""
        self._seen = {one: self._seen[one] for one in cluster_ids if one in self._seen}
