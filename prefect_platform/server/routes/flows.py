"""`/flows` and `/flow-versions`: registration, and what has been registered."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request

from prefect_platform.server.auth import allow, parts_of
from prefect_platform.server.services import bundles, deletion_plans, deletions, flows, registration, versions
from prefect_platform.server.services.callers import Caller
from prefect_platform.wire.base import Page
from prefect_platform.wire.deletions import Deletion, DeletionPlan
from prefect_platform.wire.flows import (
    ConfirmRequest,
    Flow,
    FlowVersion,
    RegisterAnswer,
    RegisterRequest,
    SourceFile,
)
from prefect_platform.wire.tokens import TokenKind

router = APIRouter(tags=["flows"])
User = Annotated[Caller, Depends(allow(TokenKind.USER))]
UserOrAgent = Annotated[Caller, Depends(allow(TokenKind.USER, TokenKind.AGENT))]


@router.post("/projects/{project}/flows/register")
async def register(request: Request, caller: User, project: str, body: RegisterRequest) -> RegisterAnswer:
    """Find or make the flow and its version; the answer says what is new and what is still needed."""
    return await registration.register(parts_of(request), caller, project, body)


@router.post("/flow-versions/{version_id}/confirm")
async def confirm(request: Request, caller: User, version_id: str, body: ConfirmRequest) -> Flow:
    """Note the deployment that Prefect now holds of the version, which makes it ready."""
    return await registration.confirm(parts_of(request), caller, version_id, body)


@router.get("/projects/{project}/flows")
async def listing(
    request: Request,
    caller: User,
    project: str,
    name: str | None = None,
    cursor: str | None = None,
    limit: int | None = None,
) -> Page[Flow]:
    """The flows of a project, newest first."""
    return await flows.listing(parts_of(request), caller, project, name, cursor, limit)


@router.get("/flows/{flow_id}")
async def show(request: Request, caller: User, flow_id: str) -> Flow:
    """One flow with its deployments."""
    return await flows.show(parts_of(request), caller, flow_id)


@router.get("/flows/{flow_id}/deletion")
async def deletion_plan(request: Request, caller: User, flow_id: str) -> DeletionPlan:
    """What deleting the flow would take along, end and leave. Nothing is changed."""
    return await deletion_plans.plan(parts_of(request), caller, flow_id)


@router.delete("/flows/{flow_id}")
async def delete(request: Request, caller: User, flow_id: str, cancel_runs: bool = False) -> Deletion:
    """Delete a flow with its deployments in Prefect, versions and code. Runs and their logs stay. With open
    runs it is refused, or they are cancelled. What cannot be done now goes on by itself."""
    return await deletions.delete_flow(parts_of(request), caller, flow_id, cancel_runs=cancel_runs)


@router.get("/flows/{flow_id}/versions")
async def version_listing(
    request: Request, caller: User, flow_id: str, cursor: str | None = None, limit: int | None = None
) -> Page[FlowVersion]:
    """Every version of a flow, newest first."""
    return await versions.listing(parts_of(request), caller, flow_id, cursor, limit)


@router.get("/flow-versions/{version_id}")
async def version(request: Request, caller: UserOrAgent, version_id: str) -> FlowVersion:
    """One version: its code, settings and bundle."""
    return await versions.show(parts_of(request), caller, version_id)


@router.get("/flow-versions/{version_id}/source")
async def source(request: Request, caller: User, version_id: str) -> list[SourceFile]:
    """The text files of a version's bundle."""
    return await bundles.source(parts_of(request), caller, version_id)
