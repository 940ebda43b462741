"""Projects: the owners of flows, runs and agents."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from pydantic import SerializerFunctionWrapHandler, StringConstraints, model_serializer

from prefect_platform.wire.base import Answer, Label, Name, Request, When
from prefect_platform.wire.orchestrators import MAX_URL

Url = Annotated[str, StringConstraints(min_length=1, max_length=MAX_URL)]


class Role(StrEnum):
    MEMBER = "member"
    OWNER = "owner"


class ProjectCreate(Request):
    name: Name
    orchestrator_url: Url | None = None
    """The Prefect API that it talks to; by default the installation's."""
    orchestrator_secret: Name | None = None
    """Name of the secret of this project that holds Prefect's key, or `user:password`."""


class ProjectChange(Request):
    """What is left out stays as it is."""

    orchestrator_url: Url | None = None
    """null: the installation's."""
    orchestrator_secret: Name | None = None
    """null: none."""

    @model_serializer(mode="wrap")
    def _named(self, whole: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """What was not named is not sent: null says something else."""
        return {name: value for name, value in whole(self).items() if name in self.model_fields_set}


class MemberSet(Request):
    user: Label
    role: Role = Role.MEMBER


class Project(Answer):
    name: str
    orchestrator_url: str
    """The Prefect API that this project talks to, ending in `/api` or a Cloud workspace."""
    orchestrator_ui_url: str | None = None
    orchestrator_secret: str | None = None
    """Name of the secret with which the platform and its runs sign in there, if it is the project's own."""
    work_pool: str
    role: Role | None = None
    created_at: When
    notes: list[str] = []
    """What somebody should know who has just set this."""
