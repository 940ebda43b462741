from __future__ import annotations

import sys

import click

from prefect_platform.cli.connection import connected, json_option, project_option
from prefect_platform.cli.parameters import param_option, parameters


@click.command()
@click.argument("flow")
@click.option("--deployment", help="Which one, where the flow has several.")
@param_option
@click.option("--tag", "tags", multiple=True, help="For this run. May be given again.")
@click.option(
    "--follow", "live", is_flag=True, help="Print its log until it is over; exit 0 if it succeeded."
)
@project_option
@json_option
def command(
    flow: str,
    deployment: str | None,
    params: tuple[str, ...],
    tags: tuple[str, ...],
    live: bool,
    project: str | None,
    as_json: bool,
) -> None:
    """Start a flow now."""
    if live and as_json:
        raise click.UsageError("--json and --follow do not go together.")
    given = parameters(params)
    from prefect_platform.cli import following, output
    from prefect_platform.client.bodies import body
    from prefect_platform.wire.flows import RunRequest

    request = body(RunRequest, deployment_name=deployment, parameters=given, tags=list(tags))
    with connected(project) as client:
        run = client.flows.run(client.flows.find(client.project, flow).id, request)
        if as_json:
            print(output.as_json(run))
        else:
            # Beside a followed log this goes where it does not mix with the log's own bytes.
            click.echo(f"Run {run.name} ({run.id}) of {run.flow_name} version {run.version_number}", err=live)
            if not live:
                print(f"prefect-platform run logs -f {run.id}")
        if live:
            sys.stdout.flush()
            sys.exit(0 if following.follow(client, run.id, None) else 1)
