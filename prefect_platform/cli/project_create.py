from __future__ import annotations

import click

from prefect_platform.cli.connection import connected, json_option


@click.command()
@click.argument("name")
@click.option("--prefect-api-url", help="The Prefect API it talks to; by default the installation's.")
@click.option("--prefect-secret", help="The secret of the project that holds Prefect's key or user:password.")
@json_option
def command(name: str, prefect_api_url: str | None, prefect_secret: str | None, as_json: bool) -> None:
    """Make a project; you become its owner."""
    from prefect_platform.cli import output
    from prefect_platform.cli.project_show import talks_to

    with connected() as client:
        project = client.projects.create(name, prefect_api_url, prefect_secret)
    print(output.as_json(project) if as_json else talks_to(project))
