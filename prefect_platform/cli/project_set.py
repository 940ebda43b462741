from __future__ import annotations

import click

from prefect_platform.cli.connection import connected, json_option


@click.command()
@click.argument("name")
@click.option("--prefect-api-url", help="The Prefect API that it is to talk to.")
@click.option("--prefect-secret", help="The secret of the project that holds Prefect's key or user:password.")
@click.option("--no-prefect-secret", is_flag=True, help="Name no secret any more.")
@click.option("--installation-prefect", is_flag=True, help="Talk to the installation's Prefect, as it does.")
@json_option
def command(
    name: str,
    prefect_api_url: str | None,
    prefect_secret: str | None,
    no_prefect_secret: bool,
    installation_prefect: bool,
    as_json: bool,
) -> None:
    """Change the Prefect that a project talks to, or its key. Refused while it has flows in the old one."""
    from prefect_platform.cli import output
    from prefect_platform.cli.project_show import talks_to

    if (prefect_api_url and installation_prefect) or (prefect_secret and no_prefect_secret):
        raise click.UsageError("An option and its opposite are given: leave one out.")
    wanted: dict[str, str | None] = {}
    if installation_prefect:
        wanted |= {"orchestrator_url": None, "orchestrator_secret": None}
    if no_prefect_secret:
        wanted["orchestrator_secret"] = None
    if prefect_api_url is not None:
        wanted["orchestrator_url"] = prefect_api_url
    if prefect_secret is not None:
        wanted["orchestrator_secret"] = prefect_secret
    if not wanted:
        raise click.UsageError("Nothing to change: name --prefect-api-url or --prefect-secret.")
    with connected() as client:
        project = client.projects.change(name, **wanted)
    print(output.as_json(project) if as_json else talks_to(project))
