from __future__ import annotations

import sys

import click

from prefect_platform.cli.connection import connected, project_option
from prefect_platform.errors import NotFound


@click.command()
@click.argument("name")
@click.option("-f", "--follow", "live", is_flag=True, help="Go on until it ends.")
@click.option("--source", help="This source as its exact bytes; by default what its own process writes.")
@click.option("--tail", type=click.IntRange(1), help="Only the last lines.")
@project_option
def command(name: str, live: bool, source: str | None, tail: int | None, project: str | None) -> None:
    """The log of a resource's last start, by NAME or KIND/NAME."""
    from prefect_platform.cli.found_resource import found, own_source

    if live and tail:
        raise click.UsageError("--tail and --follow do not go together.")
    out = sys.stdout.buffer
    with connected(project) as client:
        one = found(client, name)
        start = one.state.workload_id
        if start is None:
            raise NotFound(f"{one.kind.value} {one.name} was never started: it has no log.")
        wanted = source or own_source(client, start)
        if live:
            for chunk in client.logs.follow_source(start, wanted):
                out.write(chunk.text.encode())
                out.flush()
            return
        begin = client.logs.read(start, wanted, tail=tail).offset if tail else 0
        for piece in client.logs.pieces(start, wanted, begin):
            out.write(piece)
        out.flush()
