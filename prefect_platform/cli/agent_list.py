from __future__ import annotations

import click

from prefect_platform.cli.connection import connected, json_option, project_option


@click.command()
@project_option
@json_option
def command(project: str | None, as_json: bool) -> None:
    """The agents of a project: those that the platform keeps, and those that people run by hand."""
    from prefect_platform.cli import output
    from prefect_platform.cli.standing import agent_row
    from prefect_platform.wire.resources import ResourceKind

    with connected(project) as client:
        found = client.agents.list(client.project)
        kept = {one.name: one for one in client.resources.list(client.project, ResourceKind.PREFECT_AGENT)}
    if as_json:
        print(output.as_json([{**dict(one), "resource": kept.get(one.name)} for one in found]))
        return
    rows = [
        (*agent_row(a, kept.get(a.name))[:3], kept[a.name].state.restarts or None if a.name in kept else None,
         a.report and a.report.version, agent_row(a, kept.get(a.name))[3])
        for a in found
    ]  # fmt: skip
    header = ("name", "state", "seen", "restarts", "version", "problem")
    print(output.table(header, rows, nothing=f"No agents in {client.project}."))
