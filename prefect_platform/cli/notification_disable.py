from __future__ import annotations

import click

from prefect_platform.cli.connection import connected, project_option


@click.command()
@click.argument("name")
@project_option
def command(name: str, project: str | None) -> None:
    """Send nothing. What still waits is dropped."""
    with connected(project) as client:
        client.notifications.enable(client.project, name, enabled=False)
    print(f"Notification {name} sends nothing any more.")
