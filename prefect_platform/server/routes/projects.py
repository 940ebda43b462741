"""`/projects`: the owners of flows, runs and agents, and their members."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request

from prefect_platform.server.auth import allow, parts_of
from prefect_platform.server.services import project_changes, projects
from prefect_platform.server.services.callers import Caller
from prefect_platform.wire.base import Page
from prefect_platform.wire.projects import MemberSet, Project, ProjectChange, ProjectCreate
from prefect_platform.wire.tokens import TokenKind

router = APIRouter(tags=["projects"])
User = Annotated[Caller, Depends(allow(TokenKind.USER))]
UserOrAgent = Annotated[Caller, Depends(allow(TokenKind.USER, TokenKind.AGENT))]


@router.get("/projects")
async def listing(
    request: Request, caller: User, cursor: str | None = None, limit: int | None = None
) -> Page[Project]:
    """The projects that the caller is a member of."""
    return await projects.listing(parts_of(request), caller, cursor, limit)


@router.post("/projects", status_code=201)
async def create(request: Request, caller: User, body: ProjectCreate) -> Project:
    """Make a project; the caller owns it."""
    return await projects.create(parts_of(request), caller, body)


@router.get("/projects/{project}")
async def show(request: Request, caller: UserOrAgent, project: str) -> Project:
    """One project, with the Prefect that it talks to."""
    return await projects.show(parts_of(request), caller, project)


@router.patch("/projects/{project}")
async def change(request: Request, caller: User, project: str, body: ProjectChange) -> Project:
    """Set the Prefect of a project, or the secret that holds its key. An owner's right."""
    return await project_changes.change(parts_of(request), caller, project, body)


@router.put("/projects/{project}/members")
async def set_member(request: Request, caller: User, project: str, body: MemberSet) -> Project:
    """Give a user a role in the project."""
    return await projects.set_member(parts_of(request), caller, project, body)
