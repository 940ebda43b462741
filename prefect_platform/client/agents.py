"""Agents: made by people, then speaking for themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import quote

from prefect_platform.client.bodies import body
from prefect_platform.client.retries import Retries
from prefect_platform.client.transport import Transport
from prefect_platform.wire.agents import (
    Agent,
    AgentCreate,
    AgentCreated,
    AgentDetail,
    AgentReport,
    WorkPool,
)
from prefect_platform.wire.runs import Work


class Agents:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(self, project: str, name: str) -> AgentCreated:
        """The agent of this name with a fresh token; asked again, the same agent and a newer token."""
        path, wanted = f"/api/v1/projects/{project}/agents", body(AgentCreate, name=name)
        return self._transport.call("POST", path, AgentCreated, body=wanted)

    def list(self, project: str, labels: Mapping[str, str] | None = None) -> Sequence[Agent]:
        """Newest first; those alone that have all of these labels."""
        params = {"label": [f"{name}={value}" for name, value in (labels or {}).items()]}
        return self._transport.listing(f"/api/v1/projects/{project}/agents", Agent, params=params)

    def get(self, project: str, name: str) -> AgentDetail:
        """What one agent told last, and what the platform does to keep it."""
        path = f"/api/v1/projects/{quote(project, safe='')}/agents/{quote(name, safe='')}"
        return self._transport.call("GET", path, AgentDetail)

    def report(self, report: AgentReport) -> Agent:
        """What the calling agent tells of itself."""
        return self._transport.call("PUT", "/api/v1/agents/self", Agent, body=report)

    def work(self, after: str | None = None, wait: float = 0.0, *, retries: Retries | None = None) -> Work:
        """What the calling agent has to act on; answered after `wait` seconds, or as soon as its cursor
        is no longer `after`."""
        params = {"after": after, "wait": wait}
        return self._transport.call(
            "GET", "/api/v1/agents/self/work", Work, params=params, wait=wait, retries=retries
        )

    def work_pool(self) -> WorkPool:
        """The Prefect work pool that the calling agent serves."""
        return self._transport.call("GET", "/api/v1/agents/self/work-pool", WorkPool)
