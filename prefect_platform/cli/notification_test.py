from __future__ import annotations

import click

from prefect_platform.cli.connection import connected, project_option
from prefect_platform.errors import Unavailable


@click.command()
@click.argument("name")
@project_option
def command(name: str, project: str | None) -> None:
    """Send a message now, and say what became of it."""
    with connected(project) as client:
        outcome = client.notifications.test(client.project, name)
    if not outcome.delivered:
        raise Unavailable(f"The message was not delivered. {outcome.reason}")
    print("The receiver has taken the message.")
