from __future__ import annotations

import click

from prefect_platform.cli.connection import connected, json_option, project_option


@click.command()
@click.argument("name")
@project_option
@json_option
def command(name: str, project: str | None, as_json: bool) -> None:
    """Which runs and resources were given which version of a secret; also of one that is deleted."""
    from prefect_platform.cli import output

    with connected(project) as client:
        found = client.secrets.uses(client.project, name)
    rows = [
        (use.at, use.version, use.run_id or use.resource, use.attempt_id, use.flow_version_id, use.user)
        for use in found
    ]
    header = ("when", "version", "run or resource", "attempt", "flow version", "started by")
    nothing = f"Nothing was given {name}."
    print(output.as_json(found) if as_json else output.table(header, rows, nothing=nothing))
