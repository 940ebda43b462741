from __future__ import annotations

import click

from prefect_platform.cli.commands import extra


@click.command()
def command() -> None:
    """Run the platform server in the foreground.

    Its settings are the variables that begin with PREFECT_PLATFORM_; `up` sets them by itself.
    """
    with extra("server"):
        from prefect_platform.server.app import serve
    from prefect_platform.server.config import from_environment

    serve(from_environment())
