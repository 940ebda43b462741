from __future__ import annotations

import click

from prefect_platform.cli.connection import connected, json_option, project_option


@click.command()
@click.argument("run")
@click.option(
    "--reason", default="cancelled on the command line", show_default=True, help="What the run says."
)
@project_option
@json_option
def command(run: str, reason: str, project: str | None, as_json: bool) -> None:
    """Cancel a run. Its hooks have the grace period of its version."""
    from prefect_platform.cli import output
    from prefect_platform.cli.found_run import find_run
    from prefect_platform.wire.runs import FINAL

    with connected(project) as client:
        found = find_run(client, run)
        cancelled = client.runs.cancel(found.id, reason)
    if as_json:
        print(output.as_json(cancelled))
    elif found.status in FINAL:
        print(f"Run {found.name} was over already: {found.status.value}.")
    else:
        print(
            f"Run {found.name} is being cancelled. `prefect-platform run logs -f {found.id}` shows its end."
        )
