"""Environments that runs were registered to have."""

from __future__ import annotations

from prefect_platform.client.transport import Transport
from prefect_platform.wire.base import Page
from prefect_platform.wire.environments import Environment


class Environments:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def get(self, project: str, fingerprint: str) -> Environment:
        path = f"/api/v1/projects/{project}/environments/{fingerprint}"
        return self._transport.call("GET", path, Environment)

    def list(self, project: str, *, cursor: str | None = None, limit: int | None = None) -> Page[Environment]:
        """Newest first."""
        params = {"cursor": cursor, "limit": limit}
        path = f"/api/v1/projects/{project}/environments"
        return self._transport.call("GET", path, Page[Environment], params=params)
