from __future__ import annotations

import click

from prefect_platform.cli.connection import connected, json_option


@click.command()
@json_option
def command(as_json: bool) -> None:
    """The projects you are a member of."""
    from prefect_platform.cli import output

    with connected() as client:
        found = client.projects.list()
    rows = [(p.name, p.role and p.role.value, p.orchestrator_url, p.work_pool, p.created_at) for p in found]
    header = ("name", "role", "prefect", "work pool", "created")
    print(output.as_json(found) if as_json else output.table(header, rows, nothing="No projects."))
