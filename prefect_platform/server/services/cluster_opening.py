"""The Dask dashboard of a cluster in a browser, while the cluster is there; and its report after that."""

from __future__ import annotations

from urllib.parse import urlsplit

from sqlalchemy.ext.asyncio import AsyncSession

from prefect_platform.errors import Conflict, NotFound
from prefect_platform.server.db.tables import ClusterRow
from prefect_platform.server.services import cluster_moves, cluster_rows, content, projects, results
from prefect_platform.server.services.callers import Caller
from prefect_platform.server.services.contents import Upstream
from prefect_platform.server.services.parts import Parts
from prefect_platform.server.services.results import Content
from prefect_platform.wire.jupyter_state import OpenLink
from prefect_platform.wire.runs import Target

KIND = "dask-cluster"
HOME = "/status"
PREFIX = "dc"
"""What the ids of clusters begin with."""


def serve(parts: Parts) -> None:
    """Have dashboards answered for, from now on."""

    async def resolve(session: AsyncSession, label: str) -> Upstream | None:
        return await behind(session, label)

    parts.contents.register(PREFIX, resolve)


async def behind(session: AsyncSession, cluster_id: str) -> Upstream | None:
    """What a label stands for; None if there is no such cluster. Every member of its project may look:
    nothing can be done there."""
    row = await session.get(ClusterRow, cluster_id)
    if row is None:
        return None
    scheduler = await cluster_rows.scheduler(session, row)
    parsed = urlsplit(row.dashboard_address or "")
    runs = row.target == Target.RUNNING and scheduler is not None and cluster_moves.is_open(scheduler)
    return Upstream(
        kind=KIND,
        name=row.name,
        project_id=row.project_id,
        workload_id=scheduler.id if scheduler is not None else None,
        address=(parsed.hostname, parsed.port) if runs and parsed.hostname and parsed.port else None,
        state=cluster_moves.status(row, scheduler).value,
        home=HOME,
    )


async def link(parts: Parts, caller: Caller, project_name: str, key: str) -> OpenLink:
    """What opens a dashboard in the caller's browser, once.

    Raises:
        Conflict: the cluster does not run, or its interpreter has no bokeh.
    """
    async with parts.database.session() as session:
        project = await projects.member(session, caller, project_name)
        row = await cluster_rows.find(session, project, key)
        found = await behind(session, row.id)
        if found is None or found.address is None:
            state = found.state if found is not None else "gone"
            raise Conflict(f"Cluster {row.name!r} is {state}: its dashboard can be opened while it runs.")
        return OpenLink(url=await content.link(session, parts, caller, row.id))


async def report(parts: Parts, caller: Caller, project_name: str, key: str) -> Content:
    """The performance report of a cluster that has ended: a page of HTML.

    Raises:
        NotFound: there is none.
    """
    async with parts.database.reader() as session:
        project = await projects.member(session, caller, project_name)
        row: ClusterRow = await cluster_rows.find(session, project, key)
        await cluster_rows.may_see(session, caller, row)
    if row.report is None:
        when = "yet: it is made when the cluster ends" if row.ended_at is None else "of it: nothing was done"
        raise NotFound(f"Cluster {row.name!r} has no performance report {when}.")
    return await results.open_(parts, caller, project_name, row.report)
