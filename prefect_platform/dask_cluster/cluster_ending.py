"""How a cluster ends with whoever made it."""

from __future__ import annotations

import logging
import os
import time
from contextlib import suppress

from prefect_platform.client.api import PlatformClient
from prefect_platform.client.retries import Retries
from prefect_platform.dask_cluster.cluster_follower import OVER
from prefect_platform.errors import PlatformError
from prefect_platform.wire.clusters import MOST_WAIT_SECONDS

logger = logging.getLogger("prefect_platform.dask_cluster")

AT_EXIT = Retries(attempts=2, patience=3.0)


def wait_for_end(client: PlatformClient, cluster_id: str, deadline: float) -> None:
    """Until nothing of it is left, or `time.monotonic()` says `deadline`. A platform that does not answer is
    not waited for: it ends the cluster without us."""
    known: int | None = None
    while (left := deadline - time.monotonic()) > 0:
        wait = min(left, MOST_WAIT_SECONDS)
        try:
            found = client.clusters.connection(client.project, cluster_id, known=known, wait=wait)
        except PlatformError as error:
            logger.debug("The end of cluster %s was not seen: %s", cluster_id, error)
            return
        if found.status in OVER:
            return
        known = found.revision


def close_at_exit(client: PlatformClient, project: str, cluster_id: str, pid: int) -> None:
    """At the end of the process, or when nobody holds the object any more. Not in a child that was forked."""
    if os.getpid() == pid:
        with suppress(PlatformError):  # its lease ends it
            client.clusters.close(project, cluster_id, retries=AT_EXIT)
