from __future__ import annotations

import click

from prefect_platform.cli.connection import connected, project_option


@click.command("open")
@click.argument("cluster")
@click.option("--browser/--no-browser", default=True, help="Whether to open it, beside printing the link.")
@project_option
def command(cluster: str, browser: bool, project: str | None) -> None:
    """Print the link that opens the dashboard of a CLUSTER, once; and open it in a browser."""
    with connected(project) as client:
        link = client.clusters.open(client.project, cluster)
    print(link.url)
    if browser:
        import webbrowser

        webbrowser.open(link.url)
