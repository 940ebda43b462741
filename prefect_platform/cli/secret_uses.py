from __future__ import annotations

import click

from prefect_platform.cli.connection import connected, named_secret


@click.command()
@named_secret
def command(name: str, project: str | None, as_json: bool) -> None:
    """Which runs were given which version of a secret, and when; also of one that is deleted."""
    from prefect_platform.cli import output

    with connected(project) as client:
        found = client.secrets.uses(client.project, name)
    rows = [(use.at, use.version, use.run_id, use.attempt_id, use.flow_version_id, use.user) for use in found]
    header = ("when", "version", "run", "attempt", "flow version", "started by")
    nothing = f"No run was given {name}."
    print(output.as_json(found) if as_json else output.table(header, rows, nothing=nothing))
