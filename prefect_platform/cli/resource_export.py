from __future__ import annotations

import click

from prefect_platform.cli.connection import connected, project_option


@click.command()
@click.argument("names", nargs=-1)
@click.option("--state", is_flag=True, help="With what was seen of each, for people to read.")
@project_option
def command(names: tuple[str, ...], state: bool, project: str | None) -> None:
    """Recipes of resources, each by NAME or KIND/NAME, as YAML; of all of a project by default."""
    from prefect_platform.cli import recipe_files
    from prefect_platform.cli.found_resource import found

    with connected(project) as client:
        chosen = [found(client, name) for name in names] or client.resources.list(client.project)
    print(recipe_files.written(chosen, state=state), end="")
