from __future__ import annotations

import click

from prefect_platform.cli.connection import connected, json_option, project_option


@click.command()
@click.argument("flow")
@project_option
@json_option
def command(flow: str, project: str | None, as_json: bool) -> None:
    """The schedules of a flow, and when each starts it next."""
    from prefect_platform.cli import output, schedule_words

    with connected(project) as client:
        found = client.schedules.list(client.flows.find(client.project, flow).id)
    print(output.as_json(found) if as_json else schedule_words.table(found))
