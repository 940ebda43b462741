"""`prefect-platform flow`."""

from __future__ import annotations

import click

from prefect_platform.cli.commands import Commands


@click.group(
    cls=Commands,
    lazy={
        "register": ("flow_register", "Store a flow's code and make a deployment of it."),
        "list": ("flow_list", "The flows of a project."),
        "show": ("flow_show", "One flow: its deployments, last version and last runs."),
        "versions": ("flow_versions", "The versions of a flow, newest first."),
        "diff": ("flow_diff", "What differs between two versions: settings, and code as text."),
        "delete": ("flow_delete", "Delete a flow and its deployments. Runs and logs stay."),
    },
)
def command() -> None:
    """Register flows; see them, their versions and what differs."""
