from __future__ import annotations

import click

from prefect_platform.cli.connection import connected, json_option, project_option


@click.command()
@project_option
@json_option
def command(project: str | None, as_json: bool) -> None:
    """The Jupyter servers of a project, and how they are."""
    from prefect_platform.cli import output
    from prefect_platform.wire.resources import ResourceKind

    with connected(project) as client:
        found = client.resources.list(client.project, ResourceKind.JUPYTER_SERVER)
    if as_json:
        print(output.as_json(found))
        return
    rows = []
    for one in found:
        of, state = one.state.jupyter, one.state
        why = state.reason or (of.stopped_because if of else None)
        step = of.step.value if of and of.step and state.started_at is None else None
        rows.append(
            (one.name, state.status.value, step, one.spec.get("size"), output.moment(of.stops_at)
             if of and of.stops_at else None, "yes" if of and of.warned_at else None, one.owner, why)
        )  # fmt: skip
    header = ("name", "status", "step", "size", "stops at", "warned", "owner", "why")
    print(output.table(header, rows, nothing=f"No Jupyter servers in {client.project}."))
