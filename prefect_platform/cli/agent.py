"""`prefect-platform agent`."""

from __future__ import annotations

import click

from prefect_platform.cli.commands import Commands


@click.group(
    cls=Commands,
    lazy={
        "create": ("agent_create", "Make an agent that the platform keeps running."),
        "list": ("agent_list", "The agents of a project, and when they were last seen."),
        "run": ("agent_run", "Be an agent: take due runs from Prefect to the platform."),
    },
)
def command() -> None:
    """Make and list agents, or be one."""
