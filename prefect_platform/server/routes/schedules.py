"""Deployments as Prefect has them: schedules, parameters, and what is due."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request

from prefect_platform.server.auth import allow, parts_of
from prefect_platform.server.services import schedules
from prefect_platform.server.services.callers import Caller
from prefect_platform.wire.schedules import DeploymentDetail, ScheduledRun
from prefect_platform.wire.tokens import TokenKind

router = APIRouter(tags=["flows"])
User = Annotated[Caller, Depends(allow(TokenKind.USER))]
ONE = "/flows/{flow_id}/deployments/{deployment}"


@router.get("/projects/{project}/scheduled-runs")
async def due(
    request: Request,
    caller: User,
    project: str,
    limit: Annotated[int, Query(ge=1, le=schedules.MOST_DUE)] = 10,
) -> list[ScheduledRun]:
    """What Prefect will start next in this project, the first due first."""
    return await schedules.due(parts_of(request), caller, project, limit)


@router.get(ONE)
async def show(request: Request, caller: User, flow_id: str, deployment: str) -> DeploymentDetail:
    """A deployment by its name, with schedules and parameters as Prefect has them now."""
    return await schedules.show(parts_of(request), caller, flow_id, deployment)


@router.post(f"{ONE}/schedules/{{schedule}}/pause")
async def pause(
    request: Request, caller: User, flow_id: str, deployment: str, schedule: str
) -> DeploymentDetail:
    """Let a schedule rest. Runs that it has made already are taken back by Prefect."""
    parts = parts_of(request)
    return await schedules.set_active(parts, caller, flow_id, deployment, schedule, active=False)


@router.post(f"{ONE}/schedules/{{schedule}}/resume")
async def resume(
    request: Request, caller: User, flow_id: str, deployment: str, schedule: str
) -> DeploymentDetail:
    """Let a schedule make runs again."""
    parts = parts_of(request)
    return await schedules.set_active(parts, caller, flow_id, deployment, schedule, active=True)
