"""Flows: one identity over all their versions. Deleting one takes its deployments out of Prefect."""

from __future__ import annotations

from collections import defaultdict

from sqlalchemy import delete as delete_rows
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from prefect_platform.errors import NotFound
from prefect_platform.server.db.tables import DeploymentRow, FlowRow, FlowVersionRow, ProjectRow, UserRow
from prefect_platform.server.services import orchestrators, projects
from prefect_platform.server.services.callers import Caller
from prefect_platform.server.services.paging import page
from prefect_platform.server.services.parts import Parts
from prefect_platform.wire.base import Page
from prefect_platform.wire.flows import Deployment, Flow


async def find(session: AsyncSession, caller: Caller, flow_id: str) -> FlowRow:
    """A flow that the caller reaches; NotFound otherwise."""
    row = await session.get(FlowRow, flow_id)
    if row is None or row.deleted_at is not None:
        raise _absent(flow_id)
    try:
        await projects.reachable(session, caller, row.project_id)
    except NotFound as error:
        raise _absent(flow_id) from error
    return row


def _absent(flow_id: str) -> NotFound:
    return NotFound(f"There is no flow {flow_id!r}: see `prefect-platform flow list`.")


async def show(parts: Parts, caller: Caller, flow_id: str) -> Flow:
    async with parts.database.reader() as session:
        row = await find(session, caller, flow_id)
        return (await rendered(session, [row]))[0]


async def listing(
    parts: Parts, caller: Caller, project: str, name: str | None, cursor: str | None, limit: int | None
) -> Page[Flow]:
    """The flows of a project, or the one with this name."""
    async with parts.database.reader() as session:
        owner = await projects.member(session, caller, project)
        statement = select(FlowRow).where(FlowRow.project_id == owner.id, FlowRow.deleted_at.is_(None))
        if name is not None:
            statement = statement.where(FlowRow.name == name)
        rows, following = await page(session, statement, [FlowRow.id], cursor, limit)
        return Page[Flow](items=await rendered(session, rows), cursor=following)


async def delete(parts: Parts, caller: Caller, flow_id: str) -> None:
    """Delete a flow's deployments in Prefect, then take it out of the listings.

    Its runs and their logs stay. When Prefect does not answer nothing is forgotten, and the same call
    later goes on where this one stopped.
    """
    async with parts.database.reader() as session:
        project_id = (await find(session, caller, flow_id)).project_id
        deployments = (
            await session.scalars(select(DeploymentRow).where(DeploymentRow.flow_id == flow_id))
        ).all()
    orchestrator = await orchestrators.of(parts, project_id) if deployments else parts.orchestrator
    for deployment in deployments:
        await orchestrator.delete_deployment(deployment.prefect_deployment_id)
    async with parts.database.session() as session:
        row = await find(session, caller, flow_id)
        await session.execute(
            delete_rows(DeploymentRow).where(DeploymentRow.id.in_([one.id for one in deployments]))
        )
        row.deleted_at = parts.clock.now()


async def rendered(session: AsyncSession, rows: list[FlowRow]) -> list[Flow]:
    """These flows with their names and deployments, in as many queries as for one."""
    ids = [row.id for row in rows]
    found = await session.execute(
        select(FlowRow.id, ProjectRow.name, UserRow.name, func.max(FlowVersionRow.number))
        .join(ProjectRow, ProjectRow.id == FlowRow.project_id)
        .join(UserRow, UserRow.id == FlowRow.owner_id)
        .outerjoin(FlowVersionRow, FlowVersionRow.flow_id == FlowRow.id)
        .where(FlowRow.id.in_(ids))
        .group_by(FlowRow.id, ProjectRow.name, UserRow.name)
    )
    around = {flow_id: (project, owner, number) for flow_id, project, owner, number in found.tuples()}
    deployments = await deployments_of(session, ids)
    return [
        Flow(
            id=row.id,
            project=around[row.id][0],
            name=row.name,
            owner=around[row.id][1],
            latest_version=around[row.id][2],
            deployments=deployments[row.id],
            created_at=row.created_at,
            updated_at=row.updated_at,
        )
        for row in rows
    ]


async def deployments_of(session: AsyncSession, flow_ids: list[str]) -> dict[str, list[Deployment]]:
    """What we last wrote to Prefect, by flow."""
    found = await session.execute(
        select(DeploymentRow, FlowVersionRow.number)
        .join(FlowVersionRow, FlowVersionRow.id == DeploymentRow.version_id)
        .where(DeploymentRow.flow_id.in_(flow_ids))
        .order_by(DeploymentRow.name)
    )
    by_flow: dict[str, list[Deployment]] = defaultdict(list)
    for row, number in found.tuples():
        by_flow[row.flow_id].append(
            Deployment(
                id=row.id,
                name=row.name,
                prefect_deployment_id=row.prefect_deployment_id,
                version_number=number,
                spec_digest=row.spec_digest,
                updated_at=row.updated_at,
            )
        )
    return by_flow
