"""Where the cluster of this run is: the platform is asked, with the token of the run's own code.

The cluster starts beside the run, so a run may ask before the scheduler is there: then the platform answers
once it is. `begin` asks in the background, so that the answer is there when the first task needs it.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prefect_platform.errors import ClusterUnavailable, PlatformError, Unavailable, UsageError
from prefect_platform.wire.clusters import MOST_WAIT_SECONDS, ClusterConnection, ClusterStatus

if TYPE_CHECKING:
    from distributed import Security

    from prefect_platform.client.api import PlatformClient

VARIABLE = "PREFECT_PLATFORM_DASK"
"""Set where a process belongs to something that has a cluster."""
WORKLOAD = "PREFECT_PLATFORM_WORKLOAD_ID"
START_SECONDS = 300.0
"""How long a run waits for its scheduler, once it asks for one; a queue for room counts too."""
OVER = frozenset({ClusterStatus.STOPPING, ClusterStatus.STOPPED, ClusterStatus.FAILED})

_begun: list[Future[Connection]] = []


@dataclass(frozen=True)
class Connection:
    """Where a scheduler is, and with which certificates it is spoken to."""

    address: str
    security: Security | None = None
    dashboard: str | None = None


def is_known(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether this process belongs to something that has a cluster."""
    return bool(environment.get(VARIABLE) and environment.get(WORKLOAD))


def begin(environment: Mapping[str, str] = os.environ) -> None:
    """Ask for the cluster of this run from now on, in a thread of its own."""
    # Here and not there: what requests silences while it is imported is silenced for the whole process, and
    # another import that ends meanwhile would bring it back, into the log of the run.
    import prefect_platform.client.api  # noqa: F401

    answer: Future[Connection] = Future()

    def ask() -> None:
        try:
            answer.set_result(_ask(environment, START_SECONDS))
        except BaseException as error:  # noqa: BLE001 - raised where the answer is needed
            answer.set_exception(error)

    _begun.append(answer)
    threading.Thread(target=ask, name="dask-discovery", daemon=True).start()


def own_cluster(
    environment: Mapping[str, str] = os.environ, wait_seconds: float = START_SECONDS
) -> Connection:
    """The connection to the cluster of this run, once its scheduler is there.

    Raises:
        UsageError: this run has no cluster.
        ClusterUnavailable: the cluster has ended, or was not ready within `wait_seconds`.
    """
    if not is_known(environment):
        raise UsageError(
            "This process has no Dask cluster of its own. Register the flow with dask=DaskCluster(...), or "
            "give PlatformTaskRunner a cluster= or an address=."
        )
    if _begun:
        try:
            return _begun[0].result(wait_seconds)
        except TimeoutError:
            raise _late(wait_seconds, None) from None
    return _ask(environment, wait_seconds)


def security(found: ClusterConnection) -> Security:
    """What opens a cluster."""
    from distributed import Security

    return Security(
        tls_ca_file=found.tls.certificate,
        tls_client_cert=found.tls.certificate,
        tls_client_key=found.tls.key,
        require_encryption=True,
    )


def _ask(environment: Mapping[str, str], wait_seconds: float) -> Connection:
    from prefect_platform.client.settings import connect

    until = time.monotonic() + wait_seconds
    with connect(
        environment.get("PREFECT_PLATFORM_URL"), environment.get("PREFECT_PLATFORM_TOKEN")
    ) as client:
        return _wait(client, environment[WORKLOAD], until, wait_seconds)


def _wait(client: PlatformClient, workload_id: str, until: float, wait_seconds: float) -> Connection:
    known, reason = None, None
    while (left := until - time.monotonic()) > 0:
        try:
            found = client.clusters.own_connection(
                workload_id, known=known, wait=min(left, MOST_WAIT_SECONDS)
            )
        except Unavailable as away:  # it is asked again: the run may well outlive a restart of the platform
            reason = away.message
            continue
        except PlatformError as refusal:
            raise ClusterUnavailable(f"The Dask cluster of this run: {refusal.message}") from refusal
        if found.status in OVER:
            why = found.reason or "no reason was given."
            raise ClusterUnavailable(f"The Dask cluster of this run is {found.status.value}: {why}")
        if found.scheduler_address is not None:
            return Connection(found.scheduler_address, security(found), found.dashboard)
        known, reason = found.revision, found.reason or f"it is {found.status.value}"
    raise _late(wait_seconds, reason)


def _late(wait_seconds: float, reason: str | None) -> ClusterUnavailable:
    return ClusterUnavailable(
        f"The Dask cluster of this run was not ready within {wait_seconds:g} s "
        f"({reason or 'it is still starting'}). The log of its scheduler says more."
    )
