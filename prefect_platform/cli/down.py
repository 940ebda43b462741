from __future__ import annotations

import click


@click.command()
@click.option("--now", is_flag=True, help="Do not wait for open runs; they end by themselves.")
def command(now: bool) -> None:
    """Stop the platform that `up` started on this machine; open runs are cancelled and recorded."""
    from prefect_platform.cli.embedded.down import stop_running
    from prefect_platform.cli.embedded.places import Places
    from prefect_platform.cli.embedded.settings import data_dir

    print(stop_running(Places(data_dir()), now=now))
