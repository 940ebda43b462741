"""Resources as the wire shows them, many at once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from prefect_platform.server.db.tables import ProjectRow, ResourceRow, UserRow, WorkloadRow
from prefect_platform.server.services import jupyter_servers, resource_moves, workloads
from prefect_platform.server.services.parts import Parts
from prefect_platform.wire.jupyter_state import JupyterState
from prefect_platform.wire.resources import Resource, ResourceKind, ResourceState, ResourceTarget
from prefect_platform.wire.runs import FINAL, Status

RUNNING_STEP = "running"


async def resource(session: AsyncSession, parts: Parts, project: ProjectRow, row: ResourceRow) -> Resource:
    return (await resources(session, parts, project, [row]))[0]


async def resources(
    session: AsyncSession, parts: Parts, project: ProjectRow, rows: Sequence[ResourceRow]
) -> list[Resource]:
    """Resources of one project, in the order given."""
    starts = await session.scalars(
        select(WorkloadRow).where(WorkloadRow.id.in_([row.workload_id for row in rows if row.workload_id]))
    )
    by_id = {start.id: start for start in starts}
    users = await session.execute(
        select(UserRow.id, UserRow.name).where(UserRow.id.in_({row.owner_id for row in rows}))
    )
    names = {user.id: user.name for user in users}
    jupyter = await jupyter_servers.states(session, parts.jupyter_looks, rows, by_id)
    now = parts.clock.now()
    return [
        Resource(
            id=row.id,
            kind=ResourceKind(row.kind),
            name=row.name,
            project=project.name,
            owner=names[row.owner_id],
            spec=row.spec,
            state=_state(row, by_id.get(row.workload_id or ""), now, jupyter.get(row.id)),
            created_at=row.created_at,
            updated_at=row.updated_at,
        )
        for row in rows
    ]


def _state(
    row: ResourceRow, workload: WorkloadRow | None, now: datetime, jupyter: JupyterState | None
) -> ResourceState:
    is_open = workload is not None and Status(workload.status) not in FINAL
    return ResourceState(
        target=ResourceTarget(row.target),
        status=resource_moves.status(row, workload, now),
        reason=row.reason,
        workload_id=row.workload_id,
        started_at=workloads.noted(workload, RUNNING_STEP) if workload is not None and is_open else None,
        next_start_at=row.next_start_at if row.target == ResourceTarget.RUNNING else None,
        restarts=row.restarts,
        needs_restart=is_open and row.workload_digest != row.spec_digest,
        jupyter=jupyter,
    )
