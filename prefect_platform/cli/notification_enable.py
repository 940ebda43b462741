from __future__ import annotations

import click

from prefect_platform.cli.connection import connected, project_option


@click.command()
@click.argument("name")
@project_option
def command(name: str, project: str | None) -> None:
    """Send again what happens from now on."""
    with connected(project) as client:
        client.notifications.enable(client.project, name, enabled=True)
    print(f"Notification {name} sends again.")
