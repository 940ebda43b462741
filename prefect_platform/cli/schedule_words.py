"""Schedules in words, and pausing or resuming them: what several commands do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from prefect_platform.cli import output
from prefect_platform.cli.connection import connected
from prefect_platform.errors import UsageError

if TYPE_CHECKING:
    from prefect_platform.wire.flows import Flow
    from prefect_platform.wire.schedules import DeploymentSchedules, FlowSchedule


def table(found: Sequence[DeploymentSchedules]) -> str:
    """Every schedule of a flow on a line."""
    rows = [
        (one.slug, of.deployment_name, _state(of, one), when(one), one.timezone, *one.next_times[:1])
        for of in found
        for one in of.schedules
    ]
    header = ("schedule", "deployment", "state", "when", "zone", "next")
    filled = [(*row, None) if len(row) < len(header) else row for row in rows]
    return output.table(header, filled, nothing="It has no schedule.")


def when(schedule: FlowSchedule) -> str:
    if schedule.cron is not None:
        return schedule.cron
    if schedule.interval_seconds is not None:
        return f"every {output.duration(schedule.interval_seconds)}"
    return schedule.rrule or ""


def _state(of: DeploymentSchedules, one: FlowSchedule) -> str:
    return "deployment paused" if of.paused else "active" if one.active else "paused"


def turn(
    flow: str, schedule: str | None, deployment: str | None, project: str | None, *, active: bool
) -> Sequence[DeploymentSchedules]:
    """Pause or resume one schedule, or a whole deployment where none is named."""
    with connected(project) as client:
        found = client.flows.find(client.project, flow)
        if schedule is not None:
            return client.schedules.set_active(found.id, schedule, active=active, deployment=deployment)
        name = deployment or _only(found)
        return client.schedules.set_deployment_active(found.id, name, active=active)


def _only(flow: Flow) -> str:
    """The deployment of a flow that has one. Raises: UsageError, for any other."""
    names = [one.name for one in flow.deployments]
    if len(names) != 1:
        known = f" It has {', '.join(names)}: say which with --deployment." if names else " It has none."
        raise UsageError(f"Flow {flow.name!r} does not have exactly one deployment.{known}")
    return names[0]
