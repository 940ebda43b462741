"""Schedules of flows in Prefect, what they start next, and what their runs take."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from prefect_platform.server.auth import allow, parts_of
from prefect_platform.server.services import schedules
from prefect_platform.server.services.callers import Caller
from prefect_platform.server.services.parts import Parts
from prefect_platform.wire.schedules import DeploymentParameters, DeploymentSchedules, ScheduledRun
from prefect_platform.wire.tokens import TokenKind

router = APIRouter(tags=["schedules"])
PartsHere = Annotated[Parts, Depends(parts_of)]
User = Annotated[Caller, Depends(allow(TokenKind.USER))]
Deployment = Annotated[str | None, Query(max_length=255)]


@router.get("/projects/{project}/scheduled-runs")
async def upcoming(
    parts: PartsHere, caller: User, project: str, limit: Annotated[int, Query(ge=1, le=200)] = 20
) -> list[ScheduledRun]:
    """Runs of the project's flows that wait for their time, the first due first."""
    return await schedules.upcoming(parts, caller, project, limit)


@router.get("/flows/{flow_id}/schedules")
async def listing(parts: PartsHere, caller: User, flow_id: str) -> list[DeploymentSchedules]:
    """The schedules of every deployment of a flow, with what each starts next."""
    return await schedules.of_flow(parts, caller, flow_id)


@router.get("/flows/{flow_id}/parameters")
async def parameters(parts: PartsHere, caller: User, flow_id: str) -> list[DeploymentParameters]:
    """What runs of each deployment of a flow take: JSON Schema and defaults."""
    return await schedules.parameters(parts, caller, flow_id)


@router.post("/flows/{flow_id}/schedules/{slug}/pause")
async def pause(
    parts: PartsHere, caller: User, flow_id: str, slug: str, deployment: Deployment = None
) -> list[DeploymentSchedules]:
    """Pause one schedule. `deployment` says whose, where several have it."""
    return await schedules.set_active(parts, caller, flow_id, slug, deployment, active=False)


@router.post("/flows/{flow_id}/schedules/{slug}/resume")
async def resume(
    parts: PartsHere, caller: User, flow_id: str, slug: str, deployment: Deployment = None
) -> list[DeploymentSchedules]:
    """Resume one schedule. `deployment` says whose, where several have it."""
    return await schedules.set_active(parts, caller, flow_id, slug, deployment, active=True)


@router.post("/flows/{flow_id}/deployments/{deployment}/pause")
async def pause_deployment(
    parts: PartsHere, caller: User, flow_id: str, deployment: str
) -> list[DeploymentSchedules]:
    """Let no schedule of a deployment make runs."""
    return await schedules.set_paused(parts, caller, flow_id, deployment, paused=True)


@router.post("/flows/{flow_id}/deployments/{deployment}/resume")
async def resume_deployment(
    parts: PartsHere, caller: User, flow_id: str, deployment: str
) -> list[DeploymentSchedules]:
    """Let the schedules of a deployment make runs again."""
    return await schedules.set_paused(parts, caller, flow_id, deployment, paused=False)
