from __future__ import annotations

import click

from prefect_platform.cli.commands import extra
from prefect_platform.cli.connection import connected


@click.command()
@click.option("--queue", "queues", multiple=True, help="Serve this work queue alone; may be repeated.")
@click.option("--limit", type=click.IntRange(min=1), help="Most flow runs that are open at once.")
def command(queues: tuple[str, ...], limit: int | None) -> None:
    """Be an agent: take due runs from Prefect to the platform.

    Its platform and token are those of the environment or profile; Prefect's address and credentials
    are Prefect's own settings. SIGTERM ends it at once, and no run with it.
    """
    with extra("agent"):
        from prefect_platform.agent.run import run_agent

    with connected() as client, extra("agent"):
        run_agent(client, queues=queues, limit=limit)
