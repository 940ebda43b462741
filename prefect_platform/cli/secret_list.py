from __future__ import annotations

import click

from prefect_platform.cli.connection import connected, json_option, project_option


@click.command()
@project_option
@json_option
def command(project: str | None, as_json: bool) -> None:
    """The secrets of a project."""
    from prefect_platform.cli import output

    with connected(project) as client:
        found = client.secrets.list(client.project)
        name = client.project
    rows = [(s.name, s.version, s.owner, s.updated_at, "" if s.maskable else "no: too short") for s in found]
    header = ("name", "version", "owner", "set", "masked")
    nothing = f"No secrets in {name}."
    print(output.as_json(found) if as_json else output.table(header, rows, nothing=nothing))
