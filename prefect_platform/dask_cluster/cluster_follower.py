"""The thread that keeps a cluster's lease, and notices what becomes of the cluster."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from prefect_platform.client.api import PlatformClient
from prefect_platform.client.retries import ONCE
from prefect_platform.errors import Conflict, NotFound, PlatformError
from prefect_platform.wire.clusters import Cluster, ClusterStatus, MemberStatus

logger = logging.getLogger("prefect_platform.dask_cluster")

OVER = frozenset({ClusterStatus.STOPPED, ClusterStatus.FAILED})
LOOK_SECONDS = 15.0
"""Longest time between two looks, and so between two renewals: several of them to a lease."""
SOON_SECONDS = 1.0
"""The same while something waits, and after a platform that did not answer."""


class Follower(threading.Thread):
    """Follows one cluster until it has ended or nobody wants to know. It holds up no end of the process."""

    def __init__(
        self,
        client: PlatformClient,
        cluster_id: str,
        revision: int,
        *,
        leased: bool,
        told: Callable[[Cluster], None],
    ) -> None:
        super().__init__(name=f"prefect-platform-cluster-{cluster_id}", daemon=True)
        self._client, self._cluster_id, self._known = client, cluster_id, revision
        self._leased, self._told = leased, told
        self._stopped = threading.Event()

    def stop(self) -> None:
        """Tell nothing any more, and renew no lease."""
        self._stopped.set()

    def run(self) -> None:
        while not self._stopped.is_set():
            try:
                found = self._look()
                if self._stopped.is_set():
                    return
                self._told(found)
                if found.status in OVER:
                    return
                self._wait(SOON_SECONDS if _waits(found) else LOOK_SECONDS)
            except NotFound:
                logger.warning("Cluster %s is not there any more.", self._cluster_id)
                return
            except PlatformError as error:
                # Its Dask part needs no platform; the lease begins anew once a platform is there again.
                logger.debug("The platform did not tell of cluster %s: %s", self._cluster_id, error)
                self._stopped.wait(SOON_SECONDS)

    def _look(self) -> Cluster:
        clusters, project = self._client.clusters, self._client.project
        if self._leased:
            try:
                return clusters.renew(project, self._cluster_id, retries=ONCE)
            except Conflict:  # it ends
                self._leased = False
        return clusters.show(project, self._cluster_id)

    def _wait(self, seconds: float) -> None:
        """Until something has changed."""
        clusters, project = self._client.clusters, self._client.project
        found = clusters.connection(project, self._cluster_id, known=self._known, wait=seconds)
        self._known = found.revision


def _waits(found: Cluster) -> bool:
    return found.status is ClusterStatus.STOPPING or any(
        one.status in (MemberStatus.QUEUED, MemberStatus.STARTING) for one in found.members
    )
