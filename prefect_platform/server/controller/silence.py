"""How long nothing was heard of a workload, by the time this controller was awake and looking.

A machine that slept makes no false crash, and a restarted platform starts counting anew.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from prefect_platform.backends.base import Observed, Phase


class Silence:
    """Signs of life, by workload."""

    def __init__(self) -> None:
        self._heard: dict[str, tuple[datetime | None, float]] = {}

    def hear(
        self, workload_id: str, last_seen_at: datetime | None, seen: Observed | None, uptime: float
    ) -> float:
        """Take note of what is known now; seconds of uptime since the last sign of life."""
        known = self._heard.get(workload_id)
        backend_speaks = seen is not None and seen.phase is not Phase.ABSENT
        if known is None or known[0] != last_seen_at or backend_speaks:
            known = self._heard[workload_id] = (last_seen_at, uptime)
        return uptime - known[1]

    def forget_others(self, workload_ids: Iterable[str]) -> None:
        """Keep only these."""
        keep = set(workload_ids)
        self._heard = {key: value for key, value in self._heard.items() if key in keep}
