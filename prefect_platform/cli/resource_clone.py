from __future__ import annotations

import click

from prefect_platform.cli.connection import connected, project_option


@click.command()
@click.argument("name")
@click.argument("new_name")
@click.option("--start", is_flag=True, help="Start it at once.")
@project_option
def command(name: str, new_name: str, start: bool, project: str | None) -> None:
    """Make another resource with the spec of one, by NAME or KIND/NAME."""
    from prefect_platform.cli.found_resource import found

    with connected(project) as client:
        one = found(client, name)
        client.resources.create(client.project, one.kind, new_name, one.spec, start=start)
    print(f"{one.kind.value} {new_name} is made as {one.name} is.")
