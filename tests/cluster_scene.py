"""A platform whose clusters are real: schedulers and workers as processes below real launchers."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from distributed import Client, Security

from prefect_platform.client.api import PlatformClient
from prefect_platform.distributions import scan
from prefect_platform.flows.installed import told
from prefect_platform.server.config import ServerConfig
from prefect_platform.testing.embedded import until
from prefect_platform.testing.live_server import LiveServer, live_server
from prefect_platform.wire.clusters import Cluster, ClusterConnection, ClusterCreate, ClusterStatus
from prefect_platform.wire.dask_spec import DaskSpec
from prefect_platform.wire.environments import EnvironmentSpec
from prefect_platform.wire.flows import PythonInfo

PYTHON = PythonInfo(version=".".join(map(str, sys.version_info[:3])), executable=sys.executable)
OVER = (ClusterStatus.STOPPED, ClusterStatus.FAILED)


@dataclass
class Place:
    """One platform of this process, with its launchers below it."""

    server: LiveServer
    client: PlatformClient

    def create(self, **spec: Any) -> Cluster:
        """`spec` is that of its Dask part; a name, variables, a working directory, and an interpreter with
        its path may be among it."""
        python, path = spec.pop("python", PYTHON), spec.pop("path", sys.path)
        environment = EnvironmentSpec(
            python_version=python.version,
            distributions=told(scan(path)),
            variables=spec.pop("variables", {}),
            working_directory=spec.pop("working_directory", None),
        )
        request = ClusterCreate(
            name=spec.pop("name", None), spec=DaskSpec(**spec), python=python, environment=environment
        )
        return self.client.clusters.create("default", request)

    def show(self, cluster: Cluster) -> Cluster:
        return self.client.clusters.show("default", cluster.id)

    def connection(self, cluster: Cluster, seconds: float = 60) -> ClusterConnection:
        def look() -> ClusterConnection | None:
            found = self.client.clusters.connection("default", cluster.id)
            assert found.status not in OVER, found.reason
            return found if found.scheduler_address else None

        return until(look, seconds, f"the scheduler of {cluster.name}")

    @contextmanager
    def connected(self, cluster: Cluster, workers: int) -> Iterator[Client]:
        """A client of it, once so many workers are there."""
        found = self.connection(cluster)
        with Client(found.scheduler_address, security=security(found), set_as_default=False) as client:
            client.wait_for_workers(workers, timeout=60)
            yield client

    def ended(self, cluster: Cluster, seconds: float = 60) -> Cluster:
        def look() -> Cluster | None:
            found = self.show(cluster)
            return found if found.status in OVER else None

        return until(look, seconds, f"cluster {cluster.name} to end")

    def log(self, cluster: Cluster, member: str, source: str | None = None) -> str:
        one = next(one for one in self.show(cluster).members if one.name == member)
        return self.client.logs.raw(one.workload_id, source or member).decode()

    def pid(self, cluster: Cluster, member: str) -> int:
        """Of the scheduler's or worker's own process."""
        one = next(one for one in self.show(cluster).members if one.name == member)
        folder = str(self.server.config.data_dir / "workloads" / one.workload_id)
        return next(
            process.pid
            for process in psutil.process_iter(["cmdline"])
            if any(folder in word for word in process.info["cmdline"] or ())
            and "prefect_platform.dask_cluster." in " ".join(process.info["cmdline"])
        )

    def processes(self) -> list[psutil.Process]:
        """All that this platform has started and that lives."""
        folder = str(self.server.config.data_dir)
        return [
            process
            for process in psutil.process_iter(["cmdline", "pid"])
            if process.pid != os.getpid() and any(folder in word for word in process.info["cmdline"] or ())
        ]


def security(found: ClusterConnection) -> Security:
    return Security(
        require_encryption=True,
        tls_ca_file=found.tls.certificate,
        tls_client_cert=found.tls.certificate,
        tls_client_key=found.tls.key,
    )


@contextmanager
def dask_place(directory: Path, **options: Any) -> Iterator[Place]:
    """A platform while the block runs, with all that it has started gone at the end."""
    config = ServerConfig(data_dir=directory, backend="local")
    with (
        live_server(directory, config=config, **options) as server,
        PlatformClient(server.url, server.token) as client,
    ):
        place = Place(server, client)
        yield place
        for cluster in client.clusters.list("default"):
            client.clusters.close("default", cluster.id)
            place.ended(cluster)
