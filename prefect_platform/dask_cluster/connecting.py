"""From where a cluster is to a client that may submit: connected, versions compared, ledger in place."""

from __future__ import annotations

from dataclasses import dataclass

import distributed

from prefect_platform.dask_cluster import dask_private, discovery, versions
from prefect_platform.dask_cluster.discovery import Connection
from prefect_platform.dask_cluster.ledger import Ledger
from prefect_platform.dask_cluster.worker_plugin import FlushAtEnd
from prefect_platform.errors import ClusterUnavailable

CONNECT_SECONDS = 30.0
LOST_SECONDS = 5.0
"""A scheduler that was lost does not come back; a connection that broke does."""
CLOSE_SECONDS = 5


@dataclass
class Link:
    """A client, and whether it is ours to close."""

    client: distributed.Client
    address: str
    ours: bool

    def is_alive(self) -> bool:
        return self.client.status == "running"

    def close(self) -> None:
        if self.ours:
            self.client.close(timeout=CLOSE_SECONDS if self.is_alive() else 0)


def connect(where: Connection | None) -> Link:
    """A client of the cluster at `where`; on one of its workers, the worker's; with None, of the run's own.

    Raises:
        ClusterUnavailable: it is not there, or does not answer.
        UsageError: this run has no cluster, or versions differ.
    """
    inner = _client_of_this_worker(where)
    if inner is not None:
        return Link(inner, str(distributed.get_worker().scheduler.address), ours=False)
    target = where or discovery.own_cluster()
    client = _open(target)
    try:
        versions.check(client)
        client.register_plugin(Ledger())
        client.register_plugin(FlushAtEnd())
    except BaseException:
        client.close(timeout=CLOSE_SECONDS)
        raise
    return Link(client, target.address, ours=True)


def _open(target: Connection) -> distributed.Client:
    try:
        client = distributed.Client(
            target.address, security=target.security, timeout=CONNECT_SECONDS, set_as_default=False
        )
    except (OSError, TimeoutError) as error:
        raise ClusterUnavailable(
            f"The Dask scheduler at {target.address} does not answer within {CONNECT_SECONDS:g} s: {error}"
        ) from error
    dask_private.give_up_after(client, LOST_SECONDS)
    return client


def _client_of_this_worker(where: Connection | None) -> distributed.Client | None:
    try:
        worker = distributed.get_worker()
    except ValueError:
        return None
    if where is not None and where.address != worker.scheduler.address:
        return None
    return distributed.get_client()
