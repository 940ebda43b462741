from __future__ import annotations

import click

from prefect_platform.cli.connection import connected, project_option


@click.command()
@click.argument("names", nargs=-1, required=True)
@project_option
def command(names: tuple[str, ...], project: str | None) -> None:
    """Start resources, each by NAME or KIND/NAME."""
    from prefect_platform.cli.found_resource import found

    with connected(project) as client:
        for name in names:
            one = found(client, name)
            client.resources.start(client.project, one.kind, one.name)
            print(f"{one.kind.value} {one.name} is to run.")
