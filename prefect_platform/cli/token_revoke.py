from __future__ import annotations

import click

from prefect_platform.cli.connection import connected


@click.command()
@click.argument("token_id")
def command(token_id: str) -> None:
    """End a token at once."""
    with connected() as client:
        client.tokens.revoke(token_id)
    print(f"Token {token_id} is revoked.")
