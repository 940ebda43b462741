from __future__ import annotations

from typing import TYPE_CHECKING

import click

from prefect_platform.cli.connection import connected, json_option, project_option

if TYPE_CHECKING:
    from prefect_platform.wire.clusters import Cluster


@click.command()
@click.option("--all", "ended", is_flag=True, help="Those that have ended, too.")
@project_option
@json_option
def command(ended: bool, project: str | None, as_json: bool) -> None:
    """Open clusters, the newest first."""
    from prefect_platform.cli import output

    with connected(project) as client:
        found = client.clusters.list(client.project, ended=ended)
        name = client.project
    if as_json:
        print(output.as_json(found))
        return
    header = ("name", "status", "workers", "belongs to", "user", "age", "reason")
    nothing = f"No {'' if ended else 'open '}clusters in {name}."
    print(output.table(header, [_row(one) for one in found], nothing=nothing))


def _row(one: Cluster) -> tuple[object, ...]:
    from prefect_platform.cli import output
    from prefect_platform.cli.cluster_words import owner, workers

    name = one.name if one.ended_at is None else one.id
    return (
        name,
        one.status,
        workers(one),
        owner(one),
        one.user,
        output.between(one.created_at, one.ended_at),
        (one.reason),
    )
