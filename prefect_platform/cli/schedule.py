"""`prefect-platform schedule`."""

from __future__ import annotations

import click

from prefect_platform.cli.commands import Commands


@click.group(
    cls=Commands,
    lazy={
        "list": ("schedule_list", "The schedules of a flow, and when each starts it next."),
        "next": ("schedule_next", "Runs of the project that wait for their time."),
        "pause": ("schedule_pause", "Pause a schedule, or all of a deployment."),
        "resume": ("schedule_resume", "Let a schedule, or a deployment, start runs again."),
    },
)
def command() -> None:
    """See, pause and resume the schedules of flows."""
