"""Deployments as Prefect has them: schedules to pause and resume, parameters, and what is due next.

Prefect is asked each time. People change schedules there too, and nothing of it is kept here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select

from prefect_platform.errors import NotFound
from prefect_platform.names import nearest
from prefect_platform.server.db.tables import DeploymentRow, FlowRow, FlowVersionRow
from prefect_platform.server.services import flows, orchestrators, projects
from prefect_platform.server.services.callers import Caller
from prefect_platform.server.services.parts import Parts
from prefect_platform.wire.schedules import DeploymentDetail, Schedule, ScheduledRun, ScheduleKind

MOST_DUE = 50
MOST_DEPLOYMENTS = 500


async def due(parts: Parts, caller: Caller, project_name: str, limit: int) -> list[ScheduledRun]:
    """The next runs of a project's deployments, the first due first.

    Raises:
        OrchestratorUnavailable: Prefect does not answer.
    """
    async with parts.database.reader() as session:
        project = await projects.member(session, caller, project_name)
        rows = (
            await session.execute(
                select(DeploymentRow, FlowRow)
                .join(FlowRow, FlowRow.id == DeploymentRow.flow_id)
                .where(FlowRow.project_id == project.id, FlowRow.deleted_at.is_(None))
                .order_by(DeploymentRow.updated_at.desc())
                .limit(MOST_DEPLOYMENTS)
            )
        ).all()
        known = {deployment.prefect_deployment_id: (deployment, flow) for deployment, flow in rows}
    prefect = await orchestrators.of(parts, project.id)
    found = await prefect.due_runs(list(known), min(limit, MOST_DUE))
    return [
        ScheduledRun(
            id=one.flow_run_id,
            name=one.name,
            flow_id=known[one.deployment_id][1].id,
            flow_name=known[one.deployment_id][1].name,
            deployment_name=known[one.deployment_id][0].name,
            due_at=one.due_at,
        )
        for one in found
        if one.deployment_id in known
    ]


async def show(parts: Parts, caller: Caller, flow_id: str, name: str) -> DeploymentDetail:
    """A deployment of a flow, as Prefect has it now.

    Raises:
        NotFound: the flow has no such deployment, or Prefect does not know it any more.
    """
    flow, row, number = await _deployment(parts, caller, flow_id, name)
    prefect = await orchestrators.of(parts, flow.project_id)
    state = await prefect.read_deployment(row.prefect_deployment_id)
    schedules = await prefect.list_schedules(row.prefect_deployment_id)
    return DeploymentDetail(
        name=row.name,
        prefect_deployment_id=row.prefect_deployment_id,
        version_number=number,
        paused=state.paused,
        schedules=[_schedule(one) for one in schedules],
        parameters=state.parameters,
        parameter_schema=state.parameter_schema,
    )


async def set_active(
    parts: Parts, caller: Caller, flow_id: str, name: str, schedule_id: str, *, active: bool
) -> DeploymentDetail:
    """Pause or resume one schedule. Again is a no-op."""
    flow, row, _ = await _deployment(parts, caller, flow_id, name)
    prefect = await orchestrators.of(parts, flow.project_id)
    known = [one["id"] for one in await prefect.list_schedules(row.prefect_deployment_id)]
    if schedule_id not in known:
        raise NotFound(f"Deployment {name!r} has no schedule {schedule_id!r}: it was deleted meanwhile.")
    await prefect.set_schedule_active(row.prefect_deployment_id, schedule_id, active)
    return await show(parts, caller, flow_id, name)


async def _deployment(
    parts: Parts, caller: Caller, flow_id: str, name: str
) -> tuple[FlowRow, DeploymentRow, int]:
    async with parts.database.reader() as session:
        flow = await flows.find(session, caller, flow_id)
        rows = (await session.scalars(select(DeploymentRow).where(DeploymentRow.flow_id == flow.id))).all()
        row = next((one for one in rows if one.name == name), None)
        if row is None:
            names = [one.name for one in rows]
            raise NotFound(f"Flow {flow.name!r} has no deployment {name!r}.{nearest(name, names)}")
        version = await session.get_one(FlowVersionRow, row.version_id)
        return flow, row, version.number


def _schedule(found: Mapping[str, Any]) -> Schedule:
    told = found.get("schedule") or {}
    kind = next((kind for kind in ScheduleKind if kind.value in told), ScheduleKind.CRON)
    return Schedule(
        id=found["id"],
        kind=kind,
        text=str(told.get(kind.value, "")),
        timezone=told.get("timezone"),
        active=bool(found.get("active")),
    )
