from __future__ import annotations

from typing import TYPE_CHECKING

import click

from prefect_platform.cli.connection import connected, json_option, project_option

if TYPE_CHECKING:
    from prefect_platform.wire.agents import Agent


@click.command()
@project_option
@json_option
def command(project: str | None, as_json: bool) -> None:
    """The agents of a project: when they were seen, what they wait for, what is wrong."""
    from prefect_platform.cli import output

    with connected(project) as client:
        found = client.agents.list(client.project)
    if as_json:
        print(output.as_json(found))
        return
    header = (
        "name",
        "seen",
        "up since",
        "polled",
        "picked up",
        "late runs",
        "half start in",
        "version",
        "problem",
    )
    print(output.table(header, [_row(agent) for agent in found], nothing=f"No agents in {client.project}."))


def _row(agent: Agent) -> tuple[object, ...]:
    from prefect_platform.cli import agent_words, output

    report, problem = agent.report, "; ".join(agent_words.stuck(agent))
    if report is None:
        return (agent.name, output.ago(agent.last_seen_at), *[None] * 6, problem)
    return (
        agent.name,
        output.ago(agent.last_seen_at),
        output.ago(report.started_at),
        output.ago(report.last_poll_at),
        output.ago(report.last_pickup_at),
        report.late_runs,
        report.latency and agent_words.median(report.latency),
        report.version,
        problem,
    )
