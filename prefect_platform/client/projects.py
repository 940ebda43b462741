"""Projects and their members."""

from __future__ import annotations

from collections.abc import Sequence

from prefect_platform.client.bodies import body
from prefect_platform.client.transport import Transport
from prefect_platform.wire.projects import MemberSet, Project, ProjectCreate, Role


class Projects:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def get(self, name: str) -> Project:
        return self._transport.call("GET", f"/api/v1/projects/{name}", Project)

    def list(self) -> Sequence[Project]:
        """The projects that the caller is a member of."""
        return self._transport.listing("/api/v1/projects", Project)

    def create(self, name: str, orchestrator_url: str | None = None) -> Project:
        wanted = body(ProjectCreate, name=name, orchestrator_url=orchestrator_url)
        return self._transport.call("POST", "/api/v1/projects", Project, body=wanted)

    def add_member(self, name: str, user: str, role: Role = Role.MEMBER) -> Project:
        wanted = body(MemberSet, user=user, role=role)
        return self._transport.call("PUT", f"/api/v1/projects/{name}/members", Project, body=wanted)
