from __future__ import annotations

import click

from prefect_platform.cli.connection import connected, json_option


@click.command()
@click.argument("name")
@click.option("--orchestrator-url", help="The Prefect API it talks to; by default the installation's.")
@json_option
def command(name: str, orchestrator_url: str | None, as_json: bool) -> None:
    """Make a project; you become its owner."""
    from prefect_platform.cli import output

    with connected() as client:
        project = client.projects.create(name, orchestrator_url)
    print(
        output.as_json(project) if as_json else f"Project {project.name} talks to {project.orchestrator_url}."
    )
