"""`/projects/{project}/clusters`: Dask clusters; and what their members and the code of a run ask."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse

from prefect_platform.server.auth import allow, parts_of
from prefect_platform.server.services import cluster_opening, cluster_reports, clusters
from prefect_platform.server.services.callers import Caller
from prefect_platform.wire.base import Page
from prefect_platform.wire.clusters import (
    MOST_WAIT_SECONDS,
    AdaptRequest,
    Cluster,
    ClusterConnection,
    ClusterCreate,
    ScaleRequest,
    SchedulerOrders,
    SchedulerReport,
)
from prefect_platform.wire.jupyter_state import OpenLink
from prefect_platform.wire.tokens import TokenKind

router = APIRouter(tags=["clusters"])
User = Annotated[Caller, Depends(allow(TokenKind.USER))]
Code = Annotated[Caller, Depends(allow(TokenKind.USER_CODE))]
Owner = Annotated[Caller, Depends(allow(TokenKind.USER, TokenKind.USER_CODE))]
Wait = Annotated[float, Query(ge=0, le=MOST_WAIT_SECONDS)]
ONE = "/projects/{project}/clusters/{cluster}"


@router.get("/projects/{project}/clusters")
async def listing(
    request: Request,
    caller: User,
    project: str,
    ended: bool = False,
    cursor: str | None = None,
    limit: int | None = None,
) -> Page[Cluster]:
    """Open clusters with what they belong to, newest first; with `ended` those that have ended too."""
    return await clusters.listing(parts_of(request), caller, project, cursor, limit, ended=ended)


@router.post("/projects/{project}/clusters", status_code=201)
async def create(request: Request, caller: Owner, project: str, body: ClusterCreate) -> Cluster:
    """Make a cluster, and start it. It belongs to the user, Jupyter server or attempt that asks."""
    return await clusters.create(parts_of(request), caller, project, body)


@router.get(ONE)
async def show(request: Request, caller: Owner, project: str, cluster: str) -> Cluster:
    """An open cluster by its name, or any by its id, with all its members."""
    return await clusters.show(parts_of(request), caller, project, cluster)


@router.post(f"{ONE}/scale", status_code=202)
async def scale(request: Request, caller: Owner, project: str, cluster: str, body: ScaleRequest) -> Cluster:
    """Want so many workers. Those that are too many are retired once their data was moved."""
    return await clusters.scale(parts_of(request), caller, project, cluster, body)


@router.post(f"{ONE}/adapt", status_code=202)
async def adapt(request: Request, caller: Owner, project: str, cluster: str, body: AdaptRequest) -> Cluster:
    """Let the scheduler choose the number of workers between two bounds."""
    return await clusters.adapt(parts_of(request), caller, project, cluster, body)


@router.put(f"{ONE}/lease")
async def renew(request: Request, caller: Owner, project: str, cluster: str) -> Cluster:
    """Whoever made a cluster is still there: it stays for another `lease_seconds`."""
    return await clusters.renew(parts_of(request), caller, project, cluster)


@router.delete(ONE, status_code=202)
async def close(request: Request, caller: Owner, project: str, cluster: str) -> Cluster:
    """End a cluster. Its logs stay."""
    return await clusters.close(parts_of(request), caller, project, cluster)


@router.post(f"{ONE}/open")
async def open_(request: Request, caller: User, project: str, cluster: str) -> OpenLink:
    """An address that opens the dashboard of a running cluster in a browser, once, within a minute."""
    return await cluster_opening.link(parts_of(request), caller, project, cluster)


@router.get(f"{ONE}/report", response_class=StreamingResponse)
async def performance_report(request: Request, caller: Owner, project: str, cluster: str) -> Response:
    """The performance report of a cluster that has ended: a page of HTML, for a browser to keep."""
    content = await cluster_opening.report(parts_of(request), caller, project, cluster)
    headers = {
        "Content-Length": str(content.size),
        "Content-Disposition": 'attachment; filename="performance-report.html"',
        # It was made by users' code: in the platform's own pages it is nothing but a file.
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "X-Content-Type-Options": "nosniff",
    }
    data = content.data
    if isinstance(data, bytes):
        return Response(data, headers=headers, media_type="text/html")
    return StreamingResponse(data, headers=headers, media_type="text/html")


@router.get(f"{ONE}/connection")
async def connection(
    request: Request, caller: Owner, project: str, cluster: str, known: int | None = None, wait: Wait = 0.0
) -> ClusterConnection:
    """How to reach a cluster, and the key that opens it; waits for news after revision `known`."""
    return await clusters.connection(parts_of(request), caller, project, cluster, known, wait)


@router.get("/workloads/{workload_id}/cluster")
async def own_connection(
    request: Request, caller: Code, workload_id: str, known: int | None = None, wait: Wait = 0.0
) -> ClusterConnection:
    """The same for the cluster of a run, or the one that a worker is in."""
    return await clusters.connection_of_workload(parts_of(request), caller, workload_id, known, wait)


@router.put("/workloads/{workload_id}/scheduler")
async def report(request: Request, caller: Code, workload_id: str, body: SchedulerReport) -> SchedulerOrders:
    """A scheduler tells where it is and how it does, and waits for what is wanted of it."""
    return await cluster_reports.report(parts_of(request), caller, workload_id, body)
