from __future__ import annotations

import click

from prefect_platform.cli.connection import connected, json_option


@click.command()
@json_option
def command(as_json: bool) -> None:
    """The sizes that runs can ask for, and which cannot be had here."""
    from prefect_platform.cli import output
    from prefect_platform.client.sizes import COLUMNS, row
    from prefect_platform.wire.gpus import listed

    with connected(None) as client:
        found = client.sizes.list()
    if as_json:
        print(output.as_json(found.items))
        return
    print(output.table(COLUMNS, [row(size) for size in found.items], nothing="No sizes."))
    if found.gpus:
        print(f"\nGPUs of this machine: {listed(found.gpus)}")
