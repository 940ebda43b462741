"""`prefect-platform size`."""

from __future__ import annotations

import click

from prefect_platform.cli.commands import Commands


@click.group(
    cls=Commands,
    lazy={"list": ("size_list", "The sizes that runs can ask for, and which cannot be had here.")},
)
def command() -> None:
    """Sizes that runs can ask for."""
