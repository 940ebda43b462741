"""`/projects/{project}/resources`: what has an owner and can be started."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request

from prefect_platform.server.auth import allow, parts_of
from prefect_platform.server.services import opening, resources
from prefect_platform.server.services.callers import Caller
from prefect_platform.wire.base import Page
from prefect_platform.wire.jupyter_state import OpenLink, ResourceExtend
from prefect_platform.wire.resources import Resource, ResourceCreate, ResourceKind, ResourceUpdate
from prefect_platform.wire.tokens import TokenKind

router = APIRouter(tags=["resources"])
User = Annotated[Caller, Depends(allow(TokenKind.USER))]
ONE = "/projects/{project}/resources/{kind}/{name}"


@router.get("/projects/{project}/resources")
async def listing(
    request: Request,
    caller: User,
    project: str,
    kind: ResourceKind | None = None,
    cursor: str | None = None,
    limit: int | None = None,
) -> Page[Resource]:
    """Resources of a project with what was seen of each, newest first."""
    return await resources.listing(parts_of(request), caller, project, kind, cursor, limit)


@router.post("/projects/{project}/resources", status_code=201)
async def create(request: Request, caller: User, project: str, body: ResourceCreate) -> Resource:
    """Make a resource, and start it unless the body says otherwise."""
    return await resources.create(parts_of(request), caller, project, body)


@router.get(ONE)
async def show(request: Request, caller: User, project: str, kind: ResourceKind, name: str) -> Resource:
    """One resource: what is wanted of it, and what was seen."""
    return await resources.show(parts_of(request), caller, project, kind, name)


@router.put(ONE)
async def update(
    request: Request, caller: User, project: str, kind: ResourceKind, name: str, body: ResourceUpdate
) -> Resource:
    """Give it another spec; what runs goes on as it is until it is restarted."""
    return await resources.update(parts_of(request), caller, project, kind, name, body)


@router.delete(ONE, status_code=202)
async def remove(request: Request, caller: User, project: str, kind: ResourceKind, name: str) -> Resource:
    """Stop it, and then forget it. Its logs stay."""
    return await resources.remove(parts_of(request), caller, project, kind, name)


@router.post(f"{ONE}/start", status_code=202)
async def start(request: Request, caller: User, project: str, kind: ResourceKind, name: str) -> Resource:
    """Want it running."""
    return await resources.start(parts_of(request), caller, project, kind, name)


@router.post(f"{ONE}/stop", status_code=202)
async def stop(request: Request, caller: User, project: str, kind: ResourceKind, name: str) -> Resource:
    """Want it stopped, with its grace."""
    return await resources.stop(parts_of(request), caller, project, kind, name)


@router.post(f"{ONE}/restart", status_code=202)
async def restart(request: Request, caller: User, project: str, kind: ResourceKind, name: str) -> Resource:
    """End what runs of it, and start it anew with its spec of now."""
    return await resources.restart(parts_of(request), caller, project, kind, name)


@router.post(f"{ONE}/extend")
async def extend(
    request: Request, caller: User, project: str, kind: ResourceKind, name: str, body: ResourceExtend
) -> Resource:
    """Do not stop it for want of work before so many seconds from now."""
    return await resources.extend(parts_of(request), caller, project, kind, name, body)


@router.post(f"{ONE}/open")
async def open_(request: Request, caller: User, project: str, kind: ResourceKind, name: str) -> OpenLink:
    """What opens it in a browser, once and soon; for its owner."""
    return await opening.link(parts_of(request), caller, project, kind, name)
