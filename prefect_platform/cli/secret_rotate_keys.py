from __future__ import annotations

import click

from prefect_platform.cli.connection import connected, json_option


@click.command()
@click.option(
    "--new-key/--no-new-key", default=True, help="Whether a new key is made before; by default yes."
)
@json_option
def command(new_key: bool, as_json: bool) -> None:
    """Bring all secrets of the installation under a new key. For administrators.

    It may be cut short and repeated. Old keys stay in the key file: backups of the database need them.
    """
    from prefect_platform.cli import output

    with connected() as client:
        done = client.secrets.rotate_keys(new_key=new_key)
    if as_json:
        print(output.as_json(done))
        return
    how = "new" if done.added else "there already"
    print(f"Every secret is under key {done.key_id} ({how}); {done.rewrapped} were brought under it now.")
    if done.unused:
        click.echo(
            f"Nothing but backups needs these keys of the key file any more: {', '.join(done.unused)}.",
            err=True,
        )
