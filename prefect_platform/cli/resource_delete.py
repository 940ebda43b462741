from __future__ import annotations

import click

from prefect_platform.cli.connection import connected, project_option


@click.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@project_option
def command(name: str, yes: bool, project: str | None) -> None:
    """Stop a resource, by NAME or KIND/NAME, and forget it; its logs stay."""
    from prefect_platform.cli.found_resource import found

    with connected(project) as client:
        one = found(client, name)
        if not yes:
            click.confirm(
                f"Stop and delete {one.kind.value} {one.name} ({one.state.status.value})?", abort=True
            )
        client.resources.delete(client.project, one.kind, one.name)
    print(f"{one.kind.value} {one.name} is being stopped, and then forgotten.")
