from __future__ import annotations

import click

from prefect_platform.cli.connection import connected, json_option, project_option


@click.command()
@project_option
@click.option("--limit", type=click.IntRange(1, 200), default=20, show_default=True, help="At most so many.")
@json_option
def command(project: str | None, limit: int, as_json: bool) -> None:
    """Runs of the project that wait for their time, the first due first."""
    from prefect_platform.cli import output

    with connected(project) as client:
        found = client.schedules.upcoming(client.project, limit=limit)
    if as_json:
        print(output.as_json(found))
        return
    rows = [
        (one.due, "late" if one.late else None, one.flow_name, one.deployment_name, one.name) for one in found
    ]
    header = ("due", "", "flow", "deployment", "run")
    print(output.table(header, rows, nothing="No run waits for its time."))
