from __future__ import annotations

import click


@click.command()
@click.option(
    "--port", type=click.IntRange(1, 65535), help="Of the platform; by default 4280 or the next free one."
)
@click.option(
    "--prefect-port", type=click.IntRange(1, 65535), help="Of Prefect; by default 4200 or the next free one."
)
@click.option(
    "--prefect-url", help="Use the Prefect API at this address. By default PREFECT_API_URL, or our own."
)
@click.option("--grace", type=click.FloatRange(0, 3600), default=40.0, show_default=True,
              help="Seconds that open runs may take to end at Ctrl-C.")  # fmt: skip
@click.option("--browser/--no-browser", default=True,
              help="Whether to open the web UI once all answers, where this is a terminal.")  # fmt: skip
@click.option("--detach", is_flag=True, help="Return when everything answers; `down` stops it.")
def command(
    port: int | None,
    prefect_port: int | None,
    prefect_url: str | None,
    grace: float,
    browser: bool,
    detach: bool,
) -> None:
    """Start a platform on this machine: Prefect, the platform, an agent.

    Stays in the foreground. Ctrl-C cancels and records open runs and stops everything. If it is killed,
    running flows go on, and the next `up` takes them over.
    """
    from prefect_platform.cli.embedded.settings import up_settings

    settings = up_settings(
        port=port,
        prefect_port=prefect_port,
        prefect_url=prefect_url,
        grace_seconds=grace,
        browser=browser and not detach,
    )
    if detach:
        from prefect_platform.cli.embedded.detached import detach as start

        start(settings)
    else:
        from prefect_platform.cli.embedded.supervisor import Supervisor

        Supervisor(settings).run()
