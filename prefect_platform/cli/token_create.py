from __future__ import annotations

import click

from prefect_platform.cli.connection import connected, json_option


@click.command()
@click.argument("label")
@click.option("--days", type=click.IntRange(1), help="It ends after so many days; by default never.")
@json_option
def command(label: str, days: int | None, as_json: bool) -> None:
    """Make a token, for CI or another machine; shown once."""
    from prefect_platform.cli import output

    with connected() as client:
        token = client.tokens.create(label, days=days)
    if as_json:
        print(output.as_json(token))
        return
    print(token.secret)
    click.echo(
        f"Token {token.id} ({label}). It is not shown again; the platform keeps only a hash.", err=True
    )
