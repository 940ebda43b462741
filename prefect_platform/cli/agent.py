"""`prefect-platform agent`."""

from __future__ import annotations

import click

from prefect_platform.cli.commands import Commands


@click.group(
    cls=Commands,
    lazy={
        "create": ("agent_create", "Make an agent that the platform keeps running."),
        "list": ("agent_list", "The agents of a project, and how they are."),
        "show": ("agent_show", "One agent: how it is, what it does, and what it waits for."),
        "start": ("agent_start", "Start agents."),
        "stop": ("agent_stop", "Stop agents; runs go on."),
        "restart": ("agent_restart", "End agents and start them anew; runs go on."),
        "logs": ("agent_logs", "What an agent has said since its last start."),
        "delete": ("agent_delete", "Stop an agent and forget it; its logs stay."),
        "run": ("agent_run", "Be an agent: take due runs from Prefect to the platform."),
    },
)
def command() -> None:
    """Make, see, stop and delete agents, or be one."""
