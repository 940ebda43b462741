"""Dask clusters, and what code in one of them asks the platform."""

from __future__ import annotations

from urllib.parse import quote

from prefect_platform.client.retries import Retries
from prefect_platform.client.transport import Transport
from prefect_platform.wire.clusters import (
    AdaptRequest,
    Cluster,
    ClusterConnection,
    ClusterCreate,
    ScaleRequest,
    SchedulerOrders,
    SchedulerReport,
)
from prefect_platform.wire.dask_spec import AdaptRange
from prefect_platform.wire.jupyter_state import OpenLink


class Clusters:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(self, project: str, request: ClusterCreate) -> Cluster:
        """Make a cluster, and start it. It belongs to whoever asks: user, Jupyter server or attempt."""
        return self._transport.call("POST", _path(project), Cluster, body=request)

    def list(self, project: str, *, ended: bool = False) -> tuple[Cluster, ...]:
        """Open clusters, newest first; with `ended` those that have ended too."""
        return self._transport.listing(_path(project), Cluster, params={"ended": str(ended).lower()})

    def show(self, project: str, cluster: str) -> Cluster:
        """An open cluster by its name, or any by its id."""
        return self._transport.call("GET", _path(project, cluster), Cluster)

    def scale(self, project: str, cluster: str, n_workers: int) -> Cluster:
        """Want so many workers; it ends adapting."""
        body = ScaleRequest(n_workers=n_workers)
        return self._transport.call("POST", f"{_path(project, cluster)}/scale", Cluster, body=body)

    def adapt(self, project: str, cluster: str, bounds: AdaptRange | None) -> Cluster:
        """Let its scheduler choose the number of workers; without bounds it stays as it is."""
        body = AdaptRequest(adapt=bounds)
        return self._transport.call("POST", f"{_path(project, cluster)}/adapt", Cluster, body=body)

    def renew(self, project: str, cluster: str, *, retries: Retries | None = None) -> Cluster:
        """Whoever made it is there. No-op for one without a lease."""
        return self._transport.call("PUT", f"{_path(project, cluster)}/lease", Cluster, retries=retries)

    def close(self, project: str, cluster: str, *, retries: Retries | None = None) -> Cluster:
        """End it. No-op for one that ends already."""
        return self._transport.call("DELETE", _path(project, cluster), Cluster, retries=retries)

    def open(self, project: str, cluster: str) -> OpenLink:
        """What opens the dashboard of a running cluster in a browser, once."""
        return self._transport.call("POST", f"{_path(project, cluster)}/open", OpenLink)

    def performance_report(self, project: str, cluster: str) -> str:
        """The page of HTML that was made when it ended."""
        return self._transport.text(f"{_path(project, cluster)}/report")

    def connection(
        self, project: str, cluster: str, *, known: int | None = None, wait: float = 0.0
    ) -> ClusterConnection:
        """How to reach it, with the key that opens it. Waits up to `wait` seconds for what is newer than
        revision `known`."""
        params = {"known": known, "wait": wait}
        path = f"{_path(project, cluster)}/connection"
        return self._transport.call("GET", path, ClusterConnection, params=params, wait=wait)

    def own_connection(
        self, workload_id: str, *, known: int | None = None, wait: float = 0.0
    ) -> ClusterConnection:
        """The same for the cluster of the run, or the one of the worker, whose workload this is."""
        params = {"known": known, "wait": wait}
        path = f"/api/v1/workloads/{workload_id}/cluster"
        return self._transport.call("GET", path, ClusterConnection, params=params, wait=wait)

    def report(self, workload_id: str, report: SchedulerReport) -> SchedulerOrders:
        """Tell how a scheduler does; the answer comes once other orders are there, or after its `wait`."""
        path = f"/api/v1/workloads/{workload_id}/scheduler"
        return self._transport.call("PUT", path, SchedulerOrders, body=report, wait=report.wait)


def _path(project: str, cluster: str | None = None) -> str:
    base = f"/api/v1/projects/{quote(project, safe='')}/clusters"
    return base if cluster is None else f"{base}/{quote(cluster, safe='')}"
