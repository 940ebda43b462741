"""Logs of a cluster's members as the platform keeps them: those of workers that have ended too."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping

from prefect_platform.client.api import PlatformClient
from prefect_platform.errors import NotFound
from prefect_platform.wire.clusters import SCHEDULER_SOURCE, Cluster, ClusterMember

LINES = 10_000
"""The last lines of each log; Dask keeps as many. `client.logs.pieces` reads all of one."""
LAUNCHER = "launcher"
"""Log source that tells why a member did not begin."""


ARRIVAL_SECONDS = 5.0
"""A platform that gets what was printed later than that is busy, or away: the log is given as it is."""
AGAIN_SECONDS = 0.02


def read(
    client: PlatformClient,
    found: Cluster,
    *,
    scheduler: bool,
    workers: bool | Collection[str],
    printed: Mapping[str, int],
) -> dict[str, str]:
    """The last lines of each member's log by its name, the scheduler's as `Scheduler`. `printed` has sizes
    that the logs of some have at least, as soon as everything has arrived."""
    deadline = time.monotonic() + ARRIVAL_SECONDS
    return {
        "Scheduler" if one.name == SCHEDULER_SOURCE else one.name: _tail(
            client, one, printed.get(one.name, 0), deadline
        )
        for one in found.members
        if _wanted(one, scheduler=scheduler, workers=workers)
    }


def _wanted(one: ClusterMember, *, scheduler: bool, workers: bool | Collection[str]) -> bool:
    if one.name == SCHEDULER_SOURCE:
        return scheduler
    return workers if isinstance(workers, bool) else one.name in workers


def _tail(client: PlatformClient, one: ClusterMember, size: int, deadline: float) -> str:
    """Of what it wrote; of one that never began, what its launcher wrote."""
    text, end = _last(client, one, one.name)
    while end < size and time.monotonic() < deadline:
        time.sleep(AGAIN_SECONDS)
        text, end = _last(client, one, one.name)
    return text or _last(client, one, LAUNCHER)[0]


def _last(client: PlatformClient, one: ClusterMember, source: str) -> tuple[str, int]:
    """The last lines of a source, and how far it goes."""
    try:
        found = client.logs.read(one.workload_id, source, tail=LINES)
    except NotFound:  # it has written nothing there
        return "", 0
    return found.text, found.end
