from __future__ import annotations

import json

import click


@click.command()
def command() -> None:
    """The JSON Schema of recipes, for editors that check as you type."""
    from prefect_platform.wire.recipes import recipe_schema

    print(json.dumps(recipe_schema(), indent=2))
