from __future__ import annotations

from enum import StrEnum

import click

from prefect_platform.cli.connection import connected, json_option, project_option


class _Event(StrEnum):
    """As `wire.notifications.EventKind`, which costs pydantic to import. A test compares them."""

    RUN_ENDED = "run-ended"
    AGENT_STUCK = "agent-stuck"
    JUPYTER_STOPPING = "jupyter-stopping"


_ENDS = ("succeeded", "failed", "crashed", "cancelled")


@click.command()
@click.argument("name")
@click.option("--to", "target", required=True, metavar="SECRET", help="The secret that holds the address.")
@click.option(
    "--event", "events", multiple=True, type=click.Choice([event.value for event in _Event]),
    default=[_Event.RUN_ENDED.value], show_default=True, help="What to tell of; may be repeated.",
)  # fmt: skip
@click.option(
    "--state", "states", multiple=True, type=click.Choice(_ENDS), default=["failed", "crashed"],
    show_default=True, help="Which ends of runs; may be repeated.",
)  # fmt: skip
@click.option("--flow", "flows", multiple=True, help="Only this flow, or flow/deployment; * and ? match.")
@click.option(
    "--pause", type=click.IntRange(0, 86_400), default=60, show_default=True, metavar="SECONDS",
    help="At least so long between two messages; what happens meanwhile is counted.",
)  # fmt: skip
@project_option
@json_option
def command(
    name: str,
    target: str,
    events: tuple[str, ...],
    states: tuple[str, ...],
    flows: tuple[str, ...],
    pause: int,
    project: str | None,
    as_json: bool,
) -> None:
    r"""Tell of events by mail, chat or webhook. The address has a password or token in it, so it is a secret:

    \b
      prefect-platform secret set team-chat        # slack://…, mailto://…, jsons://…
      prefect-platform notification create nightly --to team-chat --flow 'etl/*'
    """
    from prefect_platform.cli import output

    with connected(project) as client:
        rule = client.notifications.create(
            client.project, name, target, events=events, states=states, flows=flows, pause_seconds=pause
        )
    print(
        output.as_json(rule)
        if as_json
        else f"Notification {name} is there. `prefect-platform notification test {name}` sends a message now."
    )
