from __future__ import annotations

import click

from prefect_platform.cli.connection import connected, json_option, project_option


@click.command()
@click.argument("name")
@project_option
@json_option
def command(name: str, project: str | None, as_json: bool) -> None:
    """Which runs were given which version of a secret, and when; also of one that is deleted."""
    from prefect_platform.cli import output

    with connected(project) as client:
        found = client.secrets.uses(client.project, name)
    rows = [
        (
            use.at, use.version, f"{use.run_id}{' (removed)' if use.run_removed else ''}", use.attempt_id,
            f"{use.flow} {use.flow_version}" if use.flow else use.flow_version_id, use.user,
        )
        for use in found
    ]  # fmt: skip
    header = ("when", "version", "run", "attempt", "flow version", "started by")
    nothing = f"No run was given {name}."
    print(output.as_json(found) if as_json else output.table(header, rows, nothing=nothing))
