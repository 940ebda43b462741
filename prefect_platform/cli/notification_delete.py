from __future__ import annotations

import click

from prefect_platform.cli.connection import connected, project_option


@click.command()
@click.argument("name")
@project_option
def command(name: str, project: str | None) -> None:
    """Delete a notification, and what is known of what it sent. The secret with its address stays."""
    with connected(project) as client:
        client.notifications.delete(client.project, name)
    print(f"Notification {name} is deleted.")
