"""The workers of a cluster: which there are, and waiting for so many of them."""

from __future__ import annotations

import asyncio
import time
from typing import Any, Protocol

from dask.utils import parse_timedelta
from distributed.core import Status
from distributed.exceptions import WorkerStartTimeoutError

from prefect_platform.dask_cluster.cluster_news import waiting
from prefect_platform.errors import Conflict
from prefect_platform.wire.clusters import SCHEDULER_SOURCE, Cluster, ClusterMember, MemberStatus

AGAIN_SECONDS = 0.1
Workers = dict[str, ClusterMember]


class WorkersMissing(WorkerStartTimeoutError):
    """Fewer workers came than were waited for, and why."""

    def __init__(self, available: int, expected: int, timeout: float, why: str) -> None:
        super().__init__(available, expected, timeout)
        self.why = why

    def __str__(self) -> str:
        return f"{super().__str__()} s. {self.why}"


class Waiting(Protocol):
    """A cluster that is connected to its scheduler."""

    name: str
    status: Status
    scheduler_comm: Any

    @property
    def reason(self) -> str | None: ...
    async def refreshed(self) -> Cluster: ...


def running(found: Cluster | None) -> Workers:
    """Workers that have not ended, and are not about to."""
    gone = (MemberStatus.ENDED, MemberStatus.STOPPING)
    members = found.members if found is not None else []
    return {one.name: one for one in members if one.name != SCHEDULER_SOURCE and one.status not in gone}


async def wait_for_workers(cluster: Waiting, n_workers: int, timeout: Any) -> dict[str, Any]:
    """What the scheduler says of itself once so many of its workers run.

    Raises:
        WorkersMissing: they did not come within `timeout`; the message has the reason.
        Conflict: the cluster has ended.
    """
    seconds = parse_timedelta(timeout) if timeout else None
    deadline = time.monotonic() + seconds if seconds is not None else None
    while True:
        if cluster.status != Status.running:
            raise Conflict(
                f"Cluster {cluster.name!r} is {cluster.status.name}: {cluster.reason or 'it ended.'}"
            )
        info: dict[str, Any] = await cluster.scheduler_comm.identity()
        ready = sum(one["status"] == Status.running.name for one in info["workers"].values())
        if ready >= n_workers:
            return info
        if deadline is not None and seconds is not None and time.monotonic() > deadline:
            raise WorkersMissing(ready, n_workers, seconds, waiting(await cluster.refreshed()))
        await asyncio.sleep(AGAIN_SECONDS)
