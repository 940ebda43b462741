from __future__ import annotations

import sys

import click

from prefect_platform.cli.connection import json_option


@click.command()
@json_option
def command(as_json: bool) -> None:
    """Show which parts run, which agents were seen, which Jupyter servers and runs are open.

    Exit 1 if a part or an agent is down.
    """
    from prefect_platform.cli import output
    from prefect_platform.cli.embedded.places import Places
    from prefect_platform.cli.embedded.settings import data_dir
    from prefect_platform.cli.standing import look, shown

    standing = look(Places(data_dir()))
    print(output.as_json(standing.plain()) if as_json else shown(standing))
    sys.exit(0 if standing.sound else 1)
