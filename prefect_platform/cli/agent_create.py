from __future__ import annotations

from typing import Any

import click

from prefect_platform.cli.connection import connected, json_option, project_option

QUEUE = "NAME[,priority=N][,concurrency_limit=N]"


@click.command()
@click.argument("name")
@click.option("--prefect-api-url", help="Prefect's API; by default the project's.")
@click.option("--prefect-secret", help="Secret that holds Prefect's key, or user:password.")
@click.option("--work-pool", help="Prefect's work pool; by default the installation's.")
@click.option("--queue", "queues", multiple=True, metavar=QUEUE,
              help="Serve this work queue alone, made where Prefect has none; may be repeated.")  # fmt: skip
@click.option("--limit", type=click.IntRange(min=1), help="Most flow runs that it has open at once.")
@click.option("--memory", help="What it may use, such as 512MiB.")
@click.option("--label", "labels", multiple=True, metavar="NAME=VALUE", help="May be repeated.")
@click.option("--no-start", is_flag=True, help="Make it, and start it later.")
@project_option
@json_option
def command(
    name: str,
    prefect_api_url: str | None,
    prefect_secret: str | None,
    work_pool: str | None,
    queues: tuple[str, ...],
    limit: int | None,
    memory: str | None,
    labels: tuple[str, ...],
    no_start: bool,
    project: str | None,
    as_json: bool,
) -> None:
    """Make an agent that the platform starts, and starts again whenever it ends."""
    from prefect_platform.cli import output
    from prefect_platform.wire.resources import ResourceKind

    said = {
        "prefect_api_url": prefect_api_url,
        "prefect_secret": prefect_secret,
        "work_pool": work_pool,
        "queues": [_queue(text) for text in queues],
        "limit": limit,
        "memory_bytes": _bytes(memory),
        "labels": dict(pair(text, "--label") for text in labels),
    }
    spec = {field: value for field, value in said.items() if value not in (None, [], {})}
    with connected(project) as client:
        made = client.resources.create(
            client.project, ResourceKind.PREFECT_AGENT, name, spec, start=not no_start
        )
    print(output.as_json(made) if as_json else f"Agent {made.name} is {made.state.status.value}.")


def _queue(text: str) -> dict[str, Any]:
    """A work queue as its spec; what its numbers may be is for the platform to say."""
    name, *more = text.split(",")
    found: dict[str, Any] = {"name": name}
    for part in more:
        field, value = pair(part, "--queue")
        found[field] = int(value) if value.isdecimal() else value
    return found


def pair(text: str, option: str) -> tuple[str, str]:
    """What was typed as NAME=VALUE."""
    name, equals, value = text.partition("=")
    if not equals:
        raise click.BadParameter(f"{text!r} is no NAME=VALUE.", param_hint=option)
    return name.strip(), value.strip()


def _bytes(text: str | None) -> int | None:
    from prefect_platform.wire.quantities import byte_count

    try:
        return None if text is None else byte_count(text)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--memory") from error
