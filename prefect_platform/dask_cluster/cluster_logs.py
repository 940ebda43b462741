"""Logs of a cluster's members as the platform keeps them: those of workers that have ended too."""

from __future__ import annotations

from collections.abc import Collection

from prefect_platform.client.api import PlatformClient
from prefect_platform.errors import NotFound
from prefect_platform.wire.clusters import SCHEDULER_SOURCE, Cluster, ClusterMember

LINES = 10_000
"""The last lines of each log; Dask keeps as many. `client.logs.pieces` reads all of one."""
LAUNCHER = "launcher"
"""Log source that tells why a member did not begin."""


def read(
    client: PlatformClient, found: Cluster, *, scheduler: bool, workers: bool | Collection[str]
) -> dict[str, str]:
    """The last lines of each member's log by its name, the scheduler's as `Scheduler`."""
    return {
        "Scheduler" if one.name == SCHEDULER_SOURCE else one.name: _tail(client, one)
        for one in found.members
        if _wanted(one, scheduler=scheduler, workers=workers)
    }


def _wanted(one: ClusterMember, *, scheduler: bool, workers: bool | Collection[str]) -> bool:
    if one.name == SCHEDULER_SOURCE:
        return scheduler
    return workers if isinstance(workers, bool) else one.name in workers


def _tail(client: PlatformClient, one: ClusterMember) -> str:
    """Of what it wrote; of one that never began, what its launcher wrote."""
    for source in (one.name, LAUNCHER):
        try:
            text = client.logs.read(one.workload_id, source, tail=LINES).text
        except NotFound:  # it has written nothing there
            continue
        if text:
            return text
    return ""
