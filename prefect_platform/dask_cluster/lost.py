"""The one error that is no `Exception`, and when a cluster without workers counts as lost."""

from __future__ import annotations

import time
from typing import Any

WORKERLESS_SECONDS = 300.0
"""How long a flow waits for a task while the cluster has no worker at all."""


class ClusterLost(BaseException):
    """The cluster of a flow run is gone, and with it every task and result on it.

    Not an `Exception`, like a signal: a flow must not take it for a failure of its own. Prefect ends the
    flow run as Crashed, with its message as the cause.
    """


class Workers:
    """Looked at while somebody waits: since when there has been none."""

    def __init__(self, workerless_seconds: float = WORKERLESS_SECONDS) -> None:
        self._most = workerless_seconds
        self._none_since: float | None = None

    def look(self, client: Any) -> None:
        """Raise ClusterLost when there has been no worker for too long."""
        known = client.scheduler_info(n_workers=1).get("workers")
        if known or known is None:  # None: it looks for its scheduler, and gives up by itself
            self._none_since = None
            return
        now = time.monotonic()
        if self._none_since is None:
            self._none_since = now
        if now - self._none_since >= self._most:
            raise ClusterLost(
                f"The Dask cluster at {client.scheduler.address} has had no worker for {self._most:g} s, and "
                "tasks wait for one. The logs of its workers say why they ended."
            )
