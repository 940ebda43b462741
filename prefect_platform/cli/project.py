"""`prefect-platform project`."""

from __future__ import annotations

import click

from prefect_platform.cli.commands import Commands


@click.group(
    cls=Commands,
    lazy={
        "list": ("project_list", "The projects you are a member of."),
        "create": ("project_create", "Make a project; you become its owner."),
        "set": ("project_set", "Change the Prefect that a project talks to, or its key."),
        "show": ("project_show", "One project, with the Prefect that it talks to."),
    },
)
def command() -> None:
    """List, make and change projects."""
