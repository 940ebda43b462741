"""Schedules of flows, as Prefect holds them: what they start next, pausing and resuming them."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from prefect_platform.client.transport import Transport
from prefect_platform.wire.schedules import DeploymentParameters, DeploymentSchedules, ScheduledRun


class Schedules:
    """Every call raises `OrchestratorUnavailable` where Prefect does not answer."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self, flow_id: str) -> Sequence[DeploymentSchedules]:
        """The schedules of every deployment of a flow, with what each starts next."""
        path = f"/api/v1/flows/{flow_id}/schedules"
        return self._transport.call("GET", path, tuple[DeploymentSchedules, ...])

    def upcoming(self, project: str, *, limit: int = 20) -> Sequence[ScheduledRun]:
        """Runs of the project's flows that wait for their time, the first due first; at most 200."""
        path = f"/api/v1/projects/{project}/scheduled-runs"
        return self._transport.call("GET", path, tuple[ScheduledRun, ...], params={"limit": limit})

    def parameters(self, flow_id: str) -> Sequence[DeploymentParameters]:
        """What runs of each deployment of a flow take: JSON Schema and defaults."""
        path = f"/api/v1/flows/{flow_id}/parameters"
        return self._transport.call("GET", path, tuple[DeploymentParameters, ...])

    def set_active(
        self, flow_id: str, schedule: str, *, active: bool, deployment: str | None = None
    ) -> Sequence[DeploymentSchedules]:
        """Pause or resume one schedule, by its slug; the flow's schedules as they are then.

        Raises:
            NotFound: the flow has none of this slug.
            UsageError: several deployments have it, and none is named.
        """
        path = f"/api/v1/flows/{flow_id}/schedules/{quote(schedule, safe='')}/{_word(active)}"
        params = {"deployment": deployment}
        return self._transport.call("POST", path, tuple[DeploymentSchedules, ...], params=params)

    def set_deployment_active(
        self, flow_id: str, deployment: str, *, active: bool
    ) -> Sequence[DeploymentSchedules]:
        """Let no schedule of a deployment make runs, or let them; the flow's schedules as they are then.

        Raises:
            NotFound: the flow has no such deployment, or Prefect has lost it.
        """
        path = f"/api/v1/flows/{flow_id}/deployments/{quote(deployment, safe='')}/{_word(active)}"
        return self._transport.call("POST", path, tuple[DeploymentSchedules, ...])


def _word(active: bool) -> str:
    return "resume" if active else "pause"
