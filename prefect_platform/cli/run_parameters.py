from __future__ import annotations

import json

import click

from prefect_platform.cli.connection import connected, json_option, project_option


@click.command()
@click.argument("run")
@project_option
@json_option
def command(run: str, project: str | None, as_json: bool) -> None:
    """What a run was started with, as JSON and without secrets.

    With --json it comes with a list of what was left out of long values; else that is told on stderr.
    """
    from prefect_platform.cli import output
    from prefect_platform.cli.found_run import find_run

    with connected(project) as client:
        found = client.runs.parameters(find_run(client, run).id)
    if as_json:
        print(output.as_json(found))
        return
    print(json.dumps(found.parameters, indent=2, ensure_ascii=True))
    words = {"text": "characters more", "items": "entries more", "depth": "entries, which lie too deep"}
    for cut in found.cuts:
        click.echo(f"{cut.path or '/'}: {cut.left_out:,} {words[cut.kind]}", err=True)
