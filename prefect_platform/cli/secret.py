"""`prefect-platform secret`."""

from __future__ import annotations

import click

from prefect_platform.cli.commands import Commands


@click.group(
    cls=Commands,
    lazy={
        "set": ("secret_set", "Keep a value: asked for, from a file, or from stdin."),
        "list": ("secret_list", "The secrets of a project."),
        "show": ("secret_show", "What may be known of a secret: never its value."),
        "uses": ("secret_uses", "Which runs were given which version, and when."),
        "delete": ("secret_delete", "Delete a secret's values; what it was used for stays known."),
        "rotate-keys": ("secret_rotate_keys", "Bring all secrets under a new key."),
    },
)
def command() -> None:
    """Set, list and delete secrets, and see which runs used them."""
