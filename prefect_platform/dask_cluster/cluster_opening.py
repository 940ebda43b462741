"""How a `PlatformCluster` comes to its cluster: a new one is made, or one that runs is found."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from prefect_platform.client.api import PlatformClient
from prefect_platform.dask_cluster.cluster_environment import captured, interpreter
from prefect_platform.dask_cluster.cluster_options import ClusterOptions
from prefect_platform.dask_cluster.member import ENDED
from prefect_platform.errors import Conflict, NoCapacity, PlatformError
from prefect_platform.wire.clusters import (
    MOST_WAIT_SECONDS,
    Cluster,
    ClusterConnection,
    ClusterCreate,
    ClusterStatus,
)
from prefect_platform.wire.quantities import shown_seconds

if TYPE_CHECKING:
    from distributed import Security

LEASE_SECONDS = 60.0
"""A cluster ends so long after its kernel was killed."""


class Opening(Protocol):
    """Where a cluster comes from."""

    @property
    def client(self) -> PlatformClient: ...

    def found(self) -> Cluster:
        """The cluster, which may not be ready yet. Called once, outside any event loop."""
        ...

    def given_up(self, found: Cluster) -> None:
        """It did not become ready, or nobody waits for it any more."""
        ...


@dataclass(frozen=True)
class NewCluster:
    """A cluster that is made."""

    client: PlatformClient
    options: ClusterOptions
    leased: bool
    """Whether it ends with whoever made it."""

    def found(self) -> Cluster:
        request = ClusterCreate(
            name=self.options.name,
            spec=self.options.spec,
            python=interpreter(),
            environment=captured(self.options),
            lease_seconds=LEASE_SECONDS if self.leased else None,
        )
        return self.client.clusters.create(self.client.project, request)

    def given_up(self, found: Cluster) -> None:
        self.client.clusters.close(self.client.project, found.id)


@dataclass(frozen=True)
class RunningCluster:
    """One that somebody has made."""

    client: PlatformClient
    name: str

    def found(self) -> Cluster:
        return self.client.clusters.show(self.client.project, self.name)

    def given_up(self, found: Cluster) -> None:
        """It is not ours to end."""


def ready(
    opening: Opening, found: Cluster, start_timeout: float, tell: Callable[[str], None]
) -> ClusterConnection:
    """How to reach a cluster, once its scheduler answers. Tells why it waits for room.

    Raises:
        Conflict: it ended before.
        NoCapacity: it was not ready in time; the message has the reason.
    """
    try:
        return _ready(opening.client, found, start_timeout, tell)
    except BaseException as error:
        try:
            opening.given_up(found)
        except PlatformError as second:  # it ends by its lease
            error.add_note(f"Cluster {found.name!r} could not be closed: {second.message}")
        raise


def _ready(
    client: PlatformClient, found: Cluster, start_timeout: float, tell: Callable[[str], None]
) -> ClusterConnection:
    deadline, told, known = time.monotonic() + start_timeout, "", None
    while True:
        left = deadline - time.monotonic()
        wait = max(0.0, min(MOST_WAIT_SECONDS, left))
        now = client.clusters.connection(client.project, found.id, known=known, wait=wait)
        if now.status in ENDED:
            raise Conflict(f"Cluster {now.name!r} is {now.status.value}: {now.reason or 'it was closed.'}")
        if now.scheduler_address is not None:
            return now
        if left <= 0:
            raise _late(now, start_timeout)
        if now.status is ClusterStatus.QUEUED and now.reason and now.reason != told and known is not None:
            told = now.reason
            tell(f"Cluster {now.name!r} has not begun. {told}")
        known = now.revision


def _late(now: ClusterConnection, start_timeout: float) -> NoCapacity:
    return NoCapacity(
        f"Cluster {now.name!r} was {now.status.value} after {shown_seconds(start_timeout)}, and was given "
        f"up. {now.reason or 'Its scheduler does not answer yet.'} `start_timeout` says how long to wait; "
        "`prefect-platform cluster list` shows what holds the room."
    )


def security(found: ClusterConnection) -> Security:
    """What opens a cluster to its clients."""
    from distributed import Security

    return Security(
        require_encryption=True,
        tls_ca_file=found.tls.certificate,
        tls_client_cert=found.tls.certificate,
        tls_client_key=found.tls.key,
    )
