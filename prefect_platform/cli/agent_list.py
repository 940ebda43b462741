from __future__ import annotations

import click

from prefect_platform.cli.connection import connected, json_option, project_option


@click.command()
@project_option
@json_option
def command(project: str | None, as_json: bool) -> None:
    """The agents of a project, and when they were last seen."""
    from prefect_platform.cli import output

    with connected(project) as client:
        found = client.agents.list(client.project)
    if as_json:
        print(output.as_json(found))
        return
    rows = [
        (a.name, output.ago(a.last_seen_at), a.report and a.report.version, a.report and a.report.problem)
        for a in found
    ]
    print(
        output.table(("name", "seen", "version", "problem"), rows, nothing=f"No agents in {client.project}.")
    )
