from __future__ import annotations

import click

from prefect_platform.cli.connection import connected, project_option


@click.command()
@click.argument("name")
@project_option
def command(name: str, project: str | None) -> None:
    """Delete every value of a secret. Runs that need it end at their start, and say so."""
    with connected(project) as client:
        client.secrets.delete(client.project, name)
    print(f"Secret {name} is deleted. `prefect-platform secret uses {name}` still shows who used it.")
