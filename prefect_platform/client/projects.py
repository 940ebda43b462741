"""Projects and their members."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from prefect_platform.client.bodies import body
from prefect_platform.client.transport import Transport
from prefect_platform.wire.projects import MemberSet, Project, ProjectChange, ProjectCreate, Role


class Projects:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def get(self, name: str) -> Project:
        return self._transport.call("GET", f"/api/v1/projects/{name}", Project)

    def list(self) -> Sequence[Project]:
        """The projects that the caller is a member of."""
        return self._transport.listing("/api/v1/projects", Project)

    def create(
        self, name: str, orchestrator_url: str | None = None, orchestrator_secret: str | None = None
    ) -> Project:
        """A project that talks to this Prefect API, by default the installation's. `notes` of the answer say
        what is wrong there."""
        fields = {"orchestrator_url": orchestrator_url, "orchestrator_secret": orchestrator_secret}
        wanted = body(ProjectCreate, name=name, **fields)
        return self._transport.call("POST", "/api/v1/projects", Project, body=wanted)

    def change(self, name: str, **fields: Any) -> Project:
        """Set the named fields of `ProjectChange`; None stands for the installation's, or for no secret.

        Raises:
            Conflict: the project has flows or open runs in the Prefect that it would leave.
        """
        wanted = body(ProjectChange, **fields)
        return self._transport.call("PATCH", f"/api/v1/projects/{name}", Project, body=wanted)

    def add_member(self, name: str, user: str, role: Role = Role.MEMBER) -> Project:
        wanted = body(MemberSet, user=user, role=role)
        return self._transport.call("PUT", f"/api/v1/projects/{name}/members", Project, body=wanted)
