from __future__ import annotations

import click

from prefect_platform.cli.connection import json_option, project_option


@click.command()
@click.argument("flow")
@click.argument("schedule", required=False)
@click.option("--deployment", help="Which one, where the flow has several.")
@project_option
@json_option
def command(
    flow: str, schedule: str | None, deployment: str | None, project: str | None, as_json: bool
) -> None:
    """Let SCHEDULE of a FLOW, or without one its deployment, start runs again."""
    from prefect_platform.cli import output, schedule_words

    found = schedule_words.turn(flow, schedule, deployment, project, active=True)
    print(output.as_json(found) if as_json else schedule_words.table(found))
