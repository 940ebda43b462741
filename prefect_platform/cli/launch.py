from __future__ import annotations

import sys

import click


@click.command()
@click.option(
    "--claim", required=True, metavar="FILE", help="What the backend wrote; it is removed once read."
)
def command(claim: str) -> None:
    """Be the first process of a workload. Backends call this, not people."""
    from prefect_platform.launcher.main import main

    sys.exit(main(["--claim", claim]))
