from __future__ import annotations

import click

from prefect_platform.cli.connection import connected, named_secret


@click.command()
@named_secret
def command(name: str, project: str | None, as_json: bool) -> None:
    """What may be known of a secret: never its value."""
    from prefect_platform.cli import output

    with connected(project) as client:
        secret = client.secrets.get(client.project, name)
        uses = client.secrets.uses(client.project, name)
    if as_json:
        print(output.as_json(secret))
        return
    facts = [
        ("secret", secret.name),
        ("project", secret.project),
        ("owner", secret.owner),
        ("version", secret.version),
        ("made", secret.created_at),
        ("set", secret.updated_at),
        ("masked", "yes" if secret.maskable else "no: it has fewer than 6 characters"),
        ("last used", uses[0].at if uses else "never"),
    ]
    print(output.facts(facts))
