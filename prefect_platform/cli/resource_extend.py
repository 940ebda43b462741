from __future__ import annotations

import click

from prefect_platform.cli.connection import connected, project_option


@click.command()
@click.argument("name")
@click.option("--for", "how_long", default="2h", show_default=True, help="Such as 90min or 1h30m, from now.")
@project_option
def command(name: str, how_long: str, project: str | None) -> None:
    """Do not stop a resource, by NAME or KIND/NAME, for want of work before this time has passed."""
    from prefect_platform.cli import output
    from prefect_platform.cli.found_resource import found
    from prefect_platform.wire.quantities import seconds

    try:
        wanted = seconds(how_long)
    except ValueError as error:
        raise click.UsageError(f"--for {how_long}: {error}.") from None
    with connected(project) as client:
        one = found(client, name)
        now = client.resources.extend(client.project, one.kind, one.name, wanted)
    end = now.state.jupyter.stops_at if now.state.jupyter is not None else None
    print(f"{one.kind.value} {one.name} stays until {output.moment(end)} at least." if end else "It stays.")
