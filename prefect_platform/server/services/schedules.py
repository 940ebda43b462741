"""Schedules, as Prefect holds them: what they start next, and pausing them. Nothing of it is stored here."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select

from prefect_platform.errors import NotFound, UsageError
from prefect_platform.names import nearest
from prefect_platform.server.db.tables import DeploymentRow, FlowRow
from prefect_platform.server.services import flows, orchestrators, projects
from prefect_platform.server.services.callers import Caller
from prefect_platform.server.services.orchestrator import Orchestrator, PrefectDeployment
from prefect_platform.server.services.parts import Parts
from prefect_platform.wire.schedules import (
    DeploymentParameters,
    DeploymentSchedules,
    FlowSchedule,
    ScheduledRun,
)

NEXT_TIMES = 5
"""Of one schedule."""
LOOKED_AT = 200
"""Runs for later of one flow in which the next times of its schedules are looked for."""


async def upcoming(parts: Parts, caller: Caller, project: str, limit: int) -> list[ScheduledRun]:
    """The next runs of a project's flows that wait for their time, the first due first.

    Raises:
        OrchestratorUnavailable: Prefect does not answer.
    """
    async with parts.database.reader() as session:
        owner = await projects.member(session, caller, project)
        found = await session.execute(
            select(DeploymentRow, FlowRow.name)
            .join(FlowRow, FlowRow.id == DeploymentRow.flow_id)
            .where(FlowRow.project_id == owner.id, FlowRow.deleted_at.is_(None))
        )
        ours = {row.prefect_deployment_id: (row, name) for row, name in found.tuples()}
    if not ours:
        return []
    waiting = await (await orchestrators.of(parts, owner.id)).upcoming_runs(list(ours), limit)
    return [
        ScheduledRun(
            run_id=run.flow_run_id,
            name=run.name,
            flow_id=ours[run.deployment_id][0].flow_id,
            flow_name=ours[run.deployment_id][1],
            deployment_name=ours[run.deployment_id][0].name,
            due=run.due,
            late=run.state_name == "Late",
        )
        for run in waiting
    ]


async def of_flow(parts: Parts, caller: Caller, flow_id: str) -> list[DeploymentSchedules]:
    """The schedules of every deployment of a flow. A deployment that Prefect has lost is left out.

    Raises:
        OrchestratorUnavailable: Prefect does not answer.
    """
    prefect, rows = await _deployments(parts, caller, flow_id)
    held = await _held(prefect, rows)
    times = await _next_times(prefect, [rows[name].prefect_deployment_id for name in held])
    return [
        DeploymentSchedules(
            deployment_name=name,
            paused=deployment.paused,
            schedules=[_schedule(one, times) for one in deployment.schedules],
        )
        for name, deployment in held.items()
    ]


async def parameters(parts: Parts, caller: Caller, flow_id: str) -> list[DeploymentParameters]:
    """What runs of each deployment of a flow take. A deployment that Prefect has lost is left out.

    Raises:
        OrchestratorUnavailable: Prefect does not answer.
    """
    held = await _held(*await _deployments(parts, caller, flow_id))
    return [
        DeploymentParameters(
            deployment_name=name,
            parameter_schema=deployment.parameter_schema,
            parameters=deployment.parameters,
            enforced=deployment.enforced,
        )
        for name, deployment in held.items()
    ]


async def set_active(
    parts: Parts, caller: Caller, flow_id: str, slug: str, deployment: str | None, *, active: bool
) -> list[DeploymentSchedules]:
    """Pause or resume one schedule; the answer is the flow's schedules as they are then.

    Raises:
        NotFound: the flow has no such schedule.
        UsageError: several deployments have it, and none is named.
        OrchestratorUnavailable: Prefect does not answer.
    """
    prefect, rows = await _deployments(parts, caller, flow_id, changing=True)
    held = await _held(prefect, rows)
    has = {
        name: schedule["id"]
        for name, found in held.items()
        for schedule in found.schedules
        if _slug(schedule) == slug and deployment in (None, name)
    }
    if not has:
        slugs = [_slug(one) for found in held.values() for one in found.schedules]
        of = f" of deployment {deployment!r}" if deployment is not None else ""
        raise NotFound(f"The flow has no schedule {slug!r}{of}.{nearest(slug, slugs)}")
    if len(has) > 1:
        known = ", ".join(repr(name) for name in sorted(has))
        raise UsageError(f"Several deployments have schedule {slug!r}; say which as deployment: {known}.")
    name, schedule_id = next(iter(has.items()))
    await prefect.set_schedule_active(rows[name].prefect_deployment_id, schedule_id, active)
    return await of_flow(parts, caller, flow_id)


async def set_paused(
    parts: Parts, caller: Caller, flow_id: str, deployment: str, *, paused: bool
) -> list[DeploymentSchedules]:
    """Pause or resume a deployment; the answer is the flow's schedules as they are then.

    Raises:
        NotFound: the flow has no such deployment, or Prefect has lost it.
        OrchestratorUnavailable: Prefect does not answer.
    """
    prefect, rows = await _deployments(parts, caller, flow_id, changing=True)
    if deployment not in rows:
        raise NotFound(f"The flow has no deployment {deployment!r}.{nearest(deployment, rows)}")
    await prefect.set_paused(rows[deployment].prefect_deployment_id, paused)
    return await of_flow(parts, caller, flow_id)


async def _deployments(
    parts: Parts, caller: Caller, flow_id: str, *, changing: bool = False
) -> tuple[Orchestrator, dict[str, DeploymentRow]]:
    async with parts.database.reader() as session:
        flow = await flows.find(session, caller, flow_id)
        if changing:
            flows.check_stays(flow)
        found = await session.scalars(
            select(DeploymentRow).where(DeploymentRow.flow_id == flow_id).order_by(DeploymentRow.name)
        )
        rows = {row.name: row for row in found}
    return await orchestrators.of(parts, flow.project_id), rows


async def _held(prefect: Orchestrator, rows: Mapping[str, DeploymentRow]) -> dict[str, PrefectDeployment]:
    """What Prefect holds, by name."""
    held: dict[str, PrefectDeployment] = {}
    for name, row in rows.items():
        try:
            held[name] = await prefect.read_deployment(row.prefect_deployment_id)
        except NotFound:  # somebody deleted it there; registering brings it back
            continue
    return held


async def _next_times(prefect: Orchestrator, deployment_ids: list[str]) -> dict[str, list[datetime]]:
    """By a schedule's id: the runs that Prefect has made of it already, so that nothing is computed twice."""
    if not deployment_ids:
        return {}
    found: dict[str, list[datetime]] = defaultdict(list)
    for run in await prefect.upcoming_runs(deployment_ids, LOOKED_AT):
        if run.schedule_id is not None and len(found[run.schedule_id]) < NEXT_TIMES:
            found[run.schedule_id].append(run.due)
    return found


def _schedule(held: Mapping[str, Any], times: Mapping[str, list[datetime]]) -> FlowSchedule:
    schedule = held.get("schedule") or {}
    return FlowSchedule(
        slug=_slug(held),
        active=bool(held.get("active")),
        cron=schedule.get("cron"),
        interval_seconds=schedule.get("interval"),
        rrule=schedule.get("rrule"),
        timezone=schedule.get("timezone"),
        parameters=held.get("parameters") or {},
        next_times=times.get(held["id"], []),
    )


def _slug(held: Mapping[str, Any]) -> str:
    return str(held.get("slug") or held["id"])
