from __future__ import annotations

from typing import TYPE_CHECKING

import click

from prefect_platform.cli.connection import connected, json_option, project_option

if TYPE_CHECKING:
    from prefect_platform.wire.agents import Agent
    from prefect_platform.wire.resources import Resource


@click.command()
@click.option("--label", "labels", multiple=True, metavar="NAME=VALUE",
              help="Only agents with this label; may be repeated, and then all count.")  # fmt: skip
@project_option
@json_option
def command(labels: tuple[str, ...], project: str | None, as_json: bool) -> None:
    """The agents of a project: those that the platform keeps, and those that people run by hand."""
    from prefect_platform.cli import output
    from prefect_platform.cli.agent_create import pair
    from prefect_platform.wire.resources import ResourceKind

    wanted = dict(pair(text, "--label") for text in labels)
    with connected(project) as client:
        found = client.agents.list(client.project, wanted)
        kept = {one.name: one for one in client.resources.list(client.project, ResourceKind.PREFECT_AGENT)}
    if as_json:
        print(
            output.as_json([{**one.model_dump(mode="json"), "resource": kept.get(one.name)} for one in found])
        )
        return
    rows = [_row(one, kept.get(one.name)) for one in found]
    header = ("name", "state", "seen", "picked up", "late runs", "restarts", "version", "labels", "problem")
    print(
        output.table(
            header, rows, nothing=f"No agents{' with these labels' if wanted else ''} in {client.project}."
        )
    )


def _labels(kept: Resource | None) -> dict[str, str]:
    """Those of its spec; an agent by hand has none."""
    return dict(kept.spec.get("labels", {})) if kept else {}


def _row(agent: Agent, kept: Resource | None) -> tuple[object, ...]:
    from prefect_platform.cli import agent_words, output
    from prefect_platform.cli.standing import agent_row

    name, state, seen, problem = agent_row(agent, kept)
    report = agent.report
    stuck = "; ".join(agent_words.stuck(agent)) if state == "running" else ""
    return (
        name,
        state,
        seen,
        output.ago(report.last_pickup_at) if report and report.last_pickup_at else None,
        report.late_runs or None if report else None,
        kept.state.restarts or None if kept else None,
        report.version if report else None,
        ", ".join(f"{name}={value}" for name, value in sorted(_labels(kept).items())) or None,
        stuck or problem,
    )
