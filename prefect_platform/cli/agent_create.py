from __future__ import annotations

import click

from prefect_platform.cli.connection import connected, json_option, project_option


@click.command()
@click.argument("name")
@click.option("--prefect-api-url", help="Prefect's API; by default the project's.")
@click.option("--prefect-secret", help="Secret that holds Prefect's key, or user:password.")
@click.option("--queue", "queues", multiple=True, help="Serve this work queue alone; may be repeated.")
@click.option("--limit", type=click.IntRange(min=1), help="Most flow runs that it has open at once.")
@click.option("--no-start", is_flag=True, help="Make it, and start it later.")
@project_option
@json_option
def command(
    name: str,
    prefect_api_url: str | None,
    prefect_secret: str | None,
    queues: tuple[str, ...],
    limit: int | None,
    no_start: bool,
    project: str | None,
    as_json: bool,
) -> None:
    """Make an agent that the platform starts, and starts again whenever it ends."""
    from prefect_platform.cli import output
    from prefect_platform.wire.resources import ResourceKind

    said = {
        "prefect_api_url": prefect_api_url,
        "prefect_secret": prefect_secret,
        "queues": list(queues) or None,
        "limit": limit,
    }
    spec = {field: value for field, value in said.items() if value is not None}
    with connected(project) as client:
        made = client.resources.create(
            client.project, ResourceKind.PREFECT_AGENT, name, spec, start=not no_start
        )
    print(output.as_json(made) if as_json else f"Agent {made.name} is {made.state.status.value}.")
