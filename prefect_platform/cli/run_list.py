from __future__ import annotations

from enum import StrEnum

import click

from prefect_platform.cli.connection import connected, json_option, limit_option, project_option


class _Status(StrEnum):
    """As `wire.runs.Status`, which costs pydantic to import: `--help` must not. A test compares them."""

    QUEUED = "queued"
    PROVISIONING = "provisioning"
    STARTING = "starting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CRASHED = "crashed"
    CANCELLED = "cancelled"


@click.command()
@click.option("--flow", help="Only runs of this flow.")
@click.option(
    "--status", type=click.Choice([status.value for status in _Status]), help="Only runs in this status."
)
@project_option
@limit_option
@json_option
def command(flow: str | None, status: str | None, project: str | None, limit: int, as_json: bool) -> None:
    """Runs, newest first."""
    from prefect_platform.cli import output
    from prefect_platform.cli.pages import collect

    with connected(project) as client:
        flow_id = client.flows.find(client.project, flow).id if flow else None

        runs = collect(
            lambda c, n: client.runs.list(client.project, flow=flow_id, status=status, cursor=c, limit=n),
            limit,
        )
    if as_json:
        print(output.as_json(runs))
        return
    rows = [
        (r.name, r.flow_name, r.version_number, (r.status and r.status.value) or "waiting", r.created_at,
         output.between(r.started_at, r.ended_at), r.id)
        for r in runs
    ]  # fmt: skip
    header = ("run", "flow", "version", "status", "created", "took", "id")
    print(output.table(header, rows, nothing="No runs. `prefect-platform run start FLOW` starts one."))
