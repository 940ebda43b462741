from __future__ import annotations

import click

from prefect_platform.cli.connection import connected, json_option, limit_option, project_option


@click.command()
@click.argument("flow")
@project_option
@limit_option
@json_option
def command(flow: str, project: str | None, limit: int, as_json: bool) -> None:
    """The versions of a flow, newest first."""
    from prefect_platform.cli import output
    from prefect_platform.cli.pages import collect

    with connected(project) as client:
        flow_id = client.flows.find(client.project, flow).id
        found = collect(lambda c, n: client.flows.versions(flow_id, cursor=c, limit=n), limit)
    if as_json:
        print(output.as_json(found))
        return
    rows = [
        (
            v.number,
            v.status.value,
            v.code.kind.value,
            v.code.digest[:12],
            v.created_by,
            v.created_at,
            v.code.origin,
        )
        for v in found
    ]
    header = ("version", "status", "kind", "code", "by", "at", "from")
    print(output.table(header, rows, nothing=f"Flow {flow} has no version."))
