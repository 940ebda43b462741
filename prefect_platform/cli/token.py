"""`prefect-platform token`."""

from __future__ import annotations

import click

from prefect_platform.cli.commands import Commands


@click.group(
    cls=Commands,
    lazy={
        "create": ("token_create", "Make a token, for CI or another machine; shown once."),
        "list": ("token_list", "Your tokens."),
        "revoke": ("token_revoke", "End a token at once."),
    },
)
def command() -> None:
    """Create, list and revoke your tokens."""
