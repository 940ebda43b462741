from __future__ import annotations

from typing import TYPE_CHECKING

import click

from prefect_platform.cli.connection import connected, json_option, project_option

if TYPE_CHECKING:
    from prefect_platform.wire.resources import Resource


@click.command()
@click.argument("name")
@project_option
@json_option
def command(name: str, project: str | None, as_json: bool) -> None:
    """One resource, by NAME or KIND/NAME: what is wanted of it, and what was seen."""
    from prefect_platform.cli import output
    from prefect_platform.cli.found_resource import found

    with connected(project) as client:
        one = found(client, name)
    if as_json:
        print(output.as_json(one))
        return
    state = one.state
    facts = [
        (one.kind.value, one.name),
        ("project", one.project),
        ("owner", one.owner),
        ("status", state.status.value),
        ("why", state.reason),
        ("wanted", state.target.value),
        ("running since", state.started_at),
        ("next start", state.next_start_at),
        ("restarts", state.restarts or None),
        *_of_jupyter(one),
        ("changed since its start", "yes: restart it" if state.needs_restart else None),
        *((f"spec {field}", value) for field, value in one.spec.items()),
        ("made", one.created_at),
    ]
    print(output.facts(facts))


def _of_jupyter(one: Resource) -> list[tuple[str, object]]:
    """What only a Jupyter server has."""
    state = one.state.jupyter
    if state is None:
        return []
    return [
        ("step", state.step.value if state.step else None),
        ("last worked in", state.active_at),
        ("stops at", state.stops_at),
        ("warned at", state.warned_at),
        ("stopped because", state.stopped_because),
    ]
