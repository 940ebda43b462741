"""Runs: what became of each start of a flow."""

from __future__ import annotations

from prefect_platform.client.bodies import body
from prefect_platform.client.transport import Transport
from prefect_platform.wire.base import Page
from prefect_platform.wire.runs import CancelRequest, Run, RunDetail


class Runs:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(
        self,
        project: str,
        *,
        flow: str | None = None,
        status: str | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> Page[Run]:
        """One page of a project's runs, newest first. `flow` is a flow's id or name."""
        params = {"flow": flow, "status": status, "cursor": cursor, "limit": limit}
        return self._transport.call("GET", f"/api/v1/projects/{project}/runs", Page[Run], params=params)

    def get(self, run_id: str) -> RunDetail:
        return self._transport.call("GET", f"/api/v1/runs/{run_id}", RunDetail)

    def cancel(self, run_id: str, reason: str = "cancelled") -> RunDetail:
        """Ask for the end of a run, wherever it stands. It ends within its grace period."""
        wanted = body(CancelRequest, reason=reason)
        return self._transport.call("POST", f"/api/v1/runs/{run_id}/cancel", RunDetail, body=wanted)
