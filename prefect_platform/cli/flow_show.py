from __future__ import annotations

from typing import TYPE_CHECKING

import click

from prefect_platform.cli.connection import connected, json_option, project_option

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prefect_platform.wire.flows import Flow, FlowVersion
    from prefect_platform.wire.runs import Run

_RUNS = 5


@click.command()
@click.argument("flow")
@project_option
@json_option
def command(flow: str, project: str | None, as_json: bool) -> None:
    """One flow: its deployments, last version and last runs."""
    from prefect_platform.cli import output

    with connected(project) as client:
        found = client.flows.find(client.project, flow)
        last = next(iter(client.flows.versions(found.id, limit=1).items), None)
        runs = client.runs.list(client.project, flow=found.id, limit=_RUNS).items
    if as_json:
        print(output.as_json({"flow": found, "last_version": last, "runs": runs}))
        return
    print(_shown(found, last, runs))


def _shown(flow: Flow, last: FlowVersion | None, runs: Sequence[Run]) -> str:
    from prefect_platform.cli import output

    parts = [
        output.facts(
            [
                ("flow", flow.name),
                ("id", flow.id),
                ("project", flow.project),
                ("owner", flow.owner),
                ("state", flow.state.value),
                ("reason", flow.reason),
                ("version", last and f"{last.number} ({last.status.value}, {last.code.kind.value})"),
                ("code", last and f"{last.code.digest[:12]} from {last.code.origin}"),
                ("entrypoint", last and last.code.entrypoint),
                ("python", last and f"{last.settings.python.version} at {last.settings.python.executable}"),
                (
                    "needs",
                    last and _needs(last),
                ),
            ]
        )
    ]
    rows = [(d.name, d.version_number, d.prefect_deployment_id, d.updated_at) for d in flow.deployments]
    parts.append(
        output.table(("deployment", "version", "in prefect", "changed"), rows, nothing="No deployment.")
    )
    times = [
        (r.name, r.status and r.status.value, r.created_at, output.between(r.started_at, r.ended_at), r.id)
        for r in runs
    ]
    parts.append(output.table(("run", "status", "created", "took", "id"), times, nothing="No run yet."))
    return "\n\n".join(parts)


def _needs(version: FlowVersion) -> str:
    from prefect_platform.cli import output
    from prefect_platform.wire.gpus import words
    from prefect_platform.wire.quantities import shown_cores

    settings = version.settings
    declared = f"{shown_cores(settings.cores)}, {output.size(settings.memory_bytes)}"
    needs = f"size {settings.size}" if settings.size else declared
    return f"{needs}, {words(settings.gpu)}" if settings.gpu else needs
