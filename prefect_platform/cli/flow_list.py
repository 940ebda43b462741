from __future__ import annotations

import click

from prefect_platform.cli.connection import connected, json_option, limit_option, project_option


@click.command()
@project_option
@limit_option
@json_option
def command(project: str | None, limit: int, as_json: bool) -> None:
    """The flows of a project, newest first."""
    from prefect_platform.cli import output
    from prefect_platform.cli.pages import collect

    with connected(project) as client:
        found = collect(lambda c, n: client.flows.list(client.project, cursor=c, limit=n), limit)
    if as_json:
        print(output.as_json(found))
        return
    rows = [
        (
            f.name,
            f.state.value,
            f.latest_version,
            ", ".join(d.name for d in f.deployments),
            f.owner,
            f.updated_at,
        )
        for f in found
    ]
    header = ("name", "state", "version", "deployments", "owner", "changed")
    print(output.table(header, rows, nothing=f"No flows in {client.project}. `flow register` stores one."))
