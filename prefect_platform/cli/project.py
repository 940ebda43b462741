"""`prefect-platform project`."""

from __future__ import annotations

import click

from prefect_platform.cli.commands import Commands


@click.group(
    cls=Commands,
    lazy={
        "list": ("project_list", "The projects you are a member of."),
        "create": ("project_create", "Make a project; you become its owner."),
    },
)
def command() -> None:
    """List and create projects."""
