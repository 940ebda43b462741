"""What the process of a scheduler or worker knows of itself, from the files that its launcher wrote.

Light on purpose: a worker asks for its scheduler while it imports Dask.
"""

from __future__ import annotations

import json
import os
import re
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from prefect_platform.client.settings import connect
from prefect_platform.errors import Conflict, Unavailable
from prefect_platform.wire.clusters import MOST_WAIT_SECONDS, ClusterConnection, ClusterStatus, worker_source

if TYPE_CHECKING:
    from distributed import Security

    from prefect_platform.client.api import PlatformClient

HOST = "127.0.0.1"
SPOOL = "PREFECT_PLATFORM_SPOOL"
"""Variable that tells the processes of a worker where its launcher keeps what they write."""
_WORKER = re.compile(re.escape(worker_source(0))[:-1] + r"\d+")
ENDED = frozenset({ClusterStatus.STOPPING, ClusterStatus.STOPPED, ClusterStatus.FAILED})


def group_of(name: object) -> str:
    """The worker that a process belongs to: `dask-worker-3` has the processes `dask-worker-3`,
    `dask-worker-3.1` and so on, and those of dask-cuda are `dask-worker-3-0`, `dask-worker-3-1`."""
    found = _WORKER.match(str(name))
    return found[0] if found else str(name)


@dataclass(frozen=True)
class Member:
    """One scheduler or worker."""

    name: str
    workload_id: str
    cluster: str
    processes: int
    threads: int
    """Of each process."""
    memory_bytes: int
    gpus: int
    idle_timeout_seconds: float | None
    directory: Path
    """Of its private files."""

    @property
    def spool(self) -> Path:
        """Where its launcher keeps what it writes."""
        return self.directory.parent / "spool" / self.name

    @property
    def certificate(self) -> Path:
        return self.directory / "dask" / "cluster.pem"

    @property
    def key(self) -> Path:
        return self.directory / "dask" / "cluster.key"


def read(arguments: list[str]) -> Member:
    """The member that this process is, from the directory of its files and that of its code, which it imports
    from first."""
    directory, code = map(Path, arguments)
    sys.path.insert(0, str(code))
    told = json.loads((directory / "dask" / "member.json").read_text())
    return Member(directory=directory, **told)


def security(member: Member) -> Security:
    """What members of its cluster show each other."""
    from distributed import Security

    certificate, key = str(member.certificate), str(member.key)
    return Security(
        require_encryption=True,
        tls_ca_file=certificate,
        tls_client_cert=certificate,
        tls_client_key=key,
        tls_scheduler_cert=certificate,
        tls_scheduler_key=key,
        tls_worker_cert=certificate,
        tls_worker_key=key,
    )


def platform() -> PlatformClient:
    """The platform, with the token of this member's code."""
    return connect(os.environ["PREFECT_PLATFORM_URL"], os.environ["PREFECT_PLATFORM_TOKEN"])


def scheduler_address(client: PlatformClient, member: Member, patience: float) -> str:
    """Where the scheduler of this member's cluster is, once it is known. A platform that is away is asked
    again for `patience` seconds.

    Raises:
        Conflict: the cluster ends.
        Unavailable: the platform did not answer.
    """
    known: int | None = None
    deadline = time.monotonic() + patience
    while True:
        try:
            found = client.clusters.own_connection(member.workload_id, known=known, wait=MOST_WAIT_SECONDS)
        except Unavailable:
            if time.monotonic() >= deadline:
                raise
            continue
        if found.scheduler_address is not None:
            return found.scheduler_address
        known, deadline = found.revision, time.monotonic() + patience
        _check(found)


def _check(found: ClusterConnection) -> None:
    if found.status in ENDED:
        raise Conflict(f"Cluster {found.name!r} is {found.status.value}: {found.reason or 'it was closed.'}")
