from __future__ import annotations

import click

from prefect_platform.cli.connection import connected, json_option


@click.command()
@json_option
def command(as_json: bool) -> None:
    """Your tokens."""
    from prefect_platform.cli import output

    with connected() as client:
        found = client.tokens.list()
    rows = [(t.id, t.label, t.kind.value, t.created_at, t.expires_at, t.revoked_at) for t in found]
    header = ("id", "label", "kind", "created", "expires", "revoked")
    print(output.as_json(found) if as_json else output.table(header, rows, nothing="No tokens."))
