"""`prefect-platform jupyter`."""

from __future__ import annotations

import click

from prefect_platform.cli.commands import Commands


@click.group(
    cls=Commands,
    lazy={
        "create": ("jupyter_create", "Make a Jupyter server, and start it."),
        "list": ("jupyter_list", "The Jupyter servers of a project, and how they are."),
        "open": ("resource_open", "Open one in a browser."),
        "start": ("resource_start", "Start Jupyter servers."),
        "stop": ("resource_stop", "Stop Jupyter servers, with their grace."),
        "restart": ("resource_restart", "End what runs of them, and start them anew."),
        "extend": ("resource_extend", "Do not stop one for want of work for some time."),
        "schedule": ("jupyter_schedule", "Register a notebook of a server as a flow."),
        "logs": ("resource_logs", "The log of a server's last start."),
        "delete": ("resource_delete", "Stop a server, and forget it; its files and logs stay."),
    },
)
def command() -> None:
    """Make, open, start, stop and delete Jupyter servers."""
