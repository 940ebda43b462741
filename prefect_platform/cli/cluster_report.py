from __future__ import annotations

import click

from prefect_platform.cli.connection import connected, project_option


@click.command()
@click.argument("cluster")
@click.option("-o", "--output", "path", type=click.Path(dir_okay=False, writable=True), default=None,
              help="Write it to this file; by default to standard output.")  # fmt: skip
@project_option
def command(cluster: str, path: str | None, project: str | None) -> None:
    """The performance report of a CLUSTER that has ended, by its id: a page of HTML."""
    from pathlib import Path

    with connected(project) as client:
        page = client.clusters.performance_report(client.project, cluster)
    if path is None:
        print(page)
    else:
        Path(path).write_text(page, encoding="utf-8")
        print(f"Written to {path}.")
