from __future__ import annotations

import click

from prefect_platform.cli.connection import connected, project_option


@click.command()
@click.argument("cluster")
@click.argument("workers", metavar="WORKERS|MIN:MAX")
@project_option
def command(cluster: str, workers: str, project: str | None) -> None:
    """Want so many WORKERS in a CLUSTER, or let its scheduler choose between two bounds: `2:8`."""
    from prefect_platform.cli.cluster_words import workers as words
    from prefect_platform.client.bodies import body
    from prefect_platform.wire.clusters import ScaleRequest
    from prefect_platform.wire.dask_spec import AdaptRange

    low, colon, high = workers.partition(":")
    with connected(project) as client:
        if colon:
            bounds = body(AdaptRange, minimum=_number(low), maximum=_number(high))
            found = client.clusters.adapt(client.project, cluster, bounds)
        else:
            wanted = body(ScaleRequest, n_workers=_number(low))
            found = client.clusters.scale(client.project, cluster, wanted.n_workers)
    print(f"{found.name}: {words(found)} workers")


def _number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise click.UsageError(
            f"{text!r} is no number of workers: give one, or two bounds like 2:8."
        ) from None
