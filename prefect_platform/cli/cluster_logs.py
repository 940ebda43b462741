from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from prefect_platform.cli.connection import connected, project_option
from prefect_platform.errors import NotFound

if TYPE_CHECKING:
    from prefect_platform.wire.clusters import Cluster, ClusterMember


@click.command()
@click.argument("cluster")
@click.argument("member", default="dask-scheduler")
@click.option("-f", "--follow", "live", is_flag=True, help="Go on until it ends.")
@click.option("--source", help="Another source of its log, such as `launcher`, as its exact bytes.")
@project_option
def command(cluster: str, member: str, live: bool, source: str | None, project: str | None) -> None:
    """What the scheduler, or another MEMBER such as `dask-worker-3`, of a CLUSTER has written."""
    out = sys.stdout.buffer
    with connected(project) as client:
        one = _member(client.clusters.show(client.project, cluster), member)
        wanted = source or one.name
        if live:
            for chunk in client.logs.follow_source(one.workload_id, wanted):
                out.write(chunk.text.encode())
                out.flush()
            return
        for piece in client.logs.pieces(one.workload_id, wanted):
            out.write(piece)
        out.flush()


def _member(cluster: Cluster, name: str) -> ClusterMember:
    from prefect_platform.names import nearest

    found = {one.name: one for one in cluster.members}
    if name not in found:
        raise NotFound(
            f"Cluster {cluster.name!r} has no member {name!r}."
            f"{nearest(name, found) or f' It has {chr(44).join(found)}.'}"
        )
    return found[name]
