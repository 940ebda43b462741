"""Projects: the owners of flows, runs and agents."""

from __future__ import annotations

from enum import StrEnum

from prefect_platform.wire.base import Answer, Label, Name, Request, When


class Role(StrEnum):
    MEMBER = "member"
    OWNER = "owner"


class ProjectCreate(Request):
    name: Name
    orchestrator_url: str | None = None


class MemberSet(Request):
    user: Label
    role: Role = Role.MEMBER


class Project(Answer):
    name: str
    orchestrator_url: str
    """The Prefect API that this project talks to, ending in `/api` or a Cloud workspace."""
    orchestrator_ui_url: str | None = None
    work_pool: str
    role: Role | None = None
    created_at: When
