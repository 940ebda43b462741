from __future__ import annotations

import gc

import click

from prefect_platform.cli.commands import extra


@click.command()
def command() -> None:
    """Run the platform server in the foreground.

    Its settings are the variables that begin with PREFECT_PLATFORM_; `up` sets them by itself.
    """
    # Imports make hundreds of thousands of objects and hardly any garbage: looking for it ten times over is
    # a fifth of the start. `serve` turns it on again before the first request.
    gc.disable()
    with extra("server"):
        from prefect_platform.server.app import serve
    from prefect_platform.server.config import from_environment

    serve(from_environment())
