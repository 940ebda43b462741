from __future__ import annotations

from typing import TYPE_CHECKING

import click

from prefect_platform.cli.connection import connected, json_option, project_option

if TYPE_CHECKING:
    from prefect_platform.wire.task_runs import TaskRuns


@click.command()
@click.argument("run")
@project_option
@json_option
def command(run: str, project: str | None, as_json: bool) -> None:
    """The task runs of a run, and what each waited for, as Prefect holds them."""
    from prefect_platform.cli import output
    from prefect_platform.cli.found_run import find_run

    with connected(project) as client:
        found = client.runs.task_runs(find_run(client, run).id)
    if as_json:
        print(output.as_json(found))
        return
    print(_shown(found))
    if found.truncated:
        click.echo(f"These are the first {len(found.items):,}; Prefect has more.", err=True)


def _shown(found: TaskRuns) -> str:
    from prefect_platform.cli import output

    names = {one.id: one.name for one in found.items}
    rows = [
        (
            one.name,
            one.state_name,
            one.started_at,
            output.between(one.started_at, one.ended_at),
            ", ".join(names.get(before, before) for before in one.upstream),
        )
        for one in found.items
    ]
    return output.table(("task run", "state", "started", "took", "after"), rows, nothing="No task runs.")
