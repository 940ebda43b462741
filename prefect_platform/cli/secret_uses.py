from __future__ import annotations

from typing import TYPE_CHECKING

import click

from prefect_platform.cli.connection import connected, named_secret

if TYPE_CHECKING:
    from prefect_platform.wire.secrets import SecretUse


@click.command()
@named_secret
def command(name: str, project: str | None, as_json: bool) -> None:
    """Which runs and resources were given which version of a secret; also of one that is deleted."""
    from prefect_platform.cli import output

    with connected(project) as client:
        found = client.secrets.uses(client.project, name)
    rows = [
        (
            use.at, use.version, _who(use), use.attempt_id,
            f"{use.flow} {use.flow_version}" if use.flow else use.flow_version_id, use.user,
        )
        for use in found
    ]  # fmt: skip
    header = ("when", "version", "run or resource", "attempt", "flow version", "started by")
    nothing = f"Nothing was given {name}."
    print(output.as_json(found) if as_json else output.table(header, rows, nothing=nothing))


def _who(use: SecretUse) -> str | None:
    run = use.run_id and f"{use.run_id}{' (removed)' if use.run_removed else ''}"
    return run or use.resource
