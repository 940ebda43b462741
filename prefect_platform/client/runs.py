"""Runs: what became of each start of a flow."""

from __future__ import annotations

from prefect_platform.client.bodies import body
from prefect_platform.client.transport import Transport
from prefect_platform.wire.base import Page
from prefect_platform.wire.run_environments import RunEnvironment
from prefect_platform.wire.run_parameters import RunParameters
from prefect_platform.wire.runs import CancelRequest, Run, RunDetail
from prefect_platform.wire.task_runs import TaskRuns


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

    def parameters(self, run_id: str) -> RunParameters:
        """What a run was started with, without secrets; `cuts` names what was left out.

        Raises:
            NotFound: Prefect does not know the run any more.
            OrchestratorUnavailable: Prefect does not answer.
        """
        return self._transport.call("GET", f"/api/v1/runs/{run_id}/parameters", RunParameters)

    def environment(self, run_id: str) -> RunEnvironment:
        """The environment of the last attempt beside the one that was registered, package by package."""
        return self._transport.call("GET", f"/api/v1/runs/{run_id}/environment", RunEnvironment)

    def task_runs(self, run_id: str) -> TaskRuns:
        """The first 2,000 task runs, and what each waited for; none of a run that Prefect has forgotten.

        Raises:
            OrchestratorUnavailable: Prefect does not answer.
        """
        return self._transport.call("GET", f"/api/v1/runs/{run_id}/task-runs", TaskRuns)

    def cancel(self, run_id: str, reason: str = "cancelled") -> RunDetail:
        """Ask for the end of a run, wherever it stands. It ends within its grace period."""
        wanted = body(CancelRequest, reason=reason)
        return self._transport.call("POST", f"/api/v1/runs/{run_id}/cancel", RunDetail, body=wanted)
