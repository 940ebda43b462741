from __future__ import annotations

import click

from prefect_platform.cli.connection import connected, json_option, project_option


@click.command()
@click.argument("cluster")
@project_option
@json_option
def command(cluster: str, project: str | None, as_json: bool) -> None:
    """An open CLUSTER by its name, or any by its id."""
    from prefect_platform.cli import output
    from prefect_platform.cli.cluster_words import text

    with connected(project) as client:
        found = client.clusters.show(client.project, cluster)
    print(output.as_json(found) if as_json else text(found))
