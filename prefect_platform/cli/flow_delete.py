from __future__ import annotations

import click

from prefect_platform.cli.connection import connected, project_option


@click.command()
@click.argument("flow")
@project_option
@click.option("--yes", is_flag=True, help="Do not ask.")
def command(flow: str, project: str | None, yes: bool) -> None:
    """Delete a flow, its versions and its deployments in Prefect. Runs and logs stay."""
    with connected(project) as client:
        found = client.flows.find(client.project, flow)
        if not yes:
            names = ", ".join(deployment.name for deployment in found.deployments) or "no deployment"
            click.confirm(f"Delete flow {found.name} ({names}) of project {found.project}?", abort=True)
        client.flows.delete(found.id)
    print(f"Flow {found.name} is deleted.")
