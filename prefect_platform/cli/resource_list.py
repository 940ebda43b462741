from __future__ import annotations

import click

from prefect_platform.cli.connection import connected, json_option, project_option


@click.command()
@click.option("--kind", type=click.Choice(["prefect-agent", "jupyter-server"]), help="Only these.")
@project_option
@json_option
def command(kind: str | None, project: str | None, as_json: bool) -> None:
    """The resources of a project, and how they are."""
    from prefect_platform.cli import output
    from prefect_platform.wire.resources import ResourceKind

    wanted = None if kind is None else ResourceKind(kind)
    with connected(project) as client:
        found = client.resources.list(client.project, wanted)
    if as_json:
        print(output.as_json(found))
        return
    rows = [
        (one.kind.value, one.name, one.state.status.value, output.ago(one.state.started_at)
         if one.state.started_at else None, one.state.restarts or None, one.owner, one.state.reason)
        for one in found
    ]  # fmt: skip
    header = ("kind", "name", "status", "up since", "restarts", "owner", "why")
    print(output.table(header, rows, nothing=f"No resources in {client.project}."))
