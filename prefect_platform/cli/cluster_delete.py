from __future__ import annotations

import click

from prefect_platform.cli.connection import connected, project_option


@click.command()
@click.argument("clusters", nargs=-1, required=True, metavar="CLUSTER...")
@project_option
def command(clusters: tuple[str, ...], project: str | None) -> None:
    """End CLUSTERs. What their scheduler and workers have written stays."""
    with connected(project) as client:
        for name in clusters:
            found = client.clusters.close(client.project, name)
            print(f"{found.name}: {found.status.value}")
