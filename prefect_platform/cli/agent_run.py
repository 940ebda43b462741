from __future__ import annotations

import click

from prefect_platform.cli.commands import extra
from prefect_platform.cli.connection import connected


@click.command()
def command() -> None:
    """Be an agent: take due runs from Prefect to the platform.

    Its platform and token are those of the environment or profile; Prefect's address and credentials
    are Prefect's own settings. SIGTERM ends it at once, and no run with it.
    """
    with extra("agent"):
        from prefect_platform.agent.run import run_agent

    with connected() as client, extra("agent"):
        run_agent(client)
