from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from prefect_platform.cli.connection import connected, json_option, project_option

if TYPE_CHECKING:
    from prefect_platform.wire.agents import AgentDetail, LatencyBucket


@click.command()
@click.argument("name")
@project_option
@json_option
def command(name: str, project: str | None, as_json: bool) -> None:
    """One agent: how it is, what it does, and what it waits for."""
    from prefect_platform.cli import output

    with connected(project) as client:
        found = client.agents.get(client.project, name)
    print(output.as_json(found) if as_json else output.facts(_facts(found)))


def _facts(agent: AgentDetail) -> Iterator[tuple[str, object]]:
    from prefect_platform.cli import output

    kept, report = agent.resource, agent.report
    yield "agent", agent.name
    yield "project", agent.project
    yield "state", kept.state.status.value if kept else "run by hand"
    if kept:
        yield "why", kept.state.reason
        yield "wanted", kept.state.target.value
        yield "next start", kept.state.next_start_at
        yield "restarts", kept.state.restarts or None
        yield "changed since its start", "yes: restart it" if kept.state.needs_restart else None
    yield "problem", report.problem if report else None
    yield "up for", None if agent.uptime_seconds is None else output.duration(agent.uptime_seconds)
    yield "seen", output.ago(agent.last_seen_at)
    if report:
        yield "last poll", output.ago(report.last_poll_at)
        yield "last pick-up", output.ago(report.last_pickup_at)
        yield "agreed with Prefect", output.ago(report.last_agreed_at)
        yield "pick-up to start", _latency(report.pickup_seconds) or None
        yield "work pool", report.work_pool
        yield "version", f"{report.version}, Prefect {report.prefect_version}"
    yield from ((f"spec {field}", value) for field, value in (kept.spec if kept else {}).items())
    yield "made", agent.created_at


def _latency(buckets: Sequence[LatencyBucket]) -> str:
    """`12 within 2 s, 1 within 5 s`: how many starts took how long, without the empty buckets."""
    longest = max((bucket.le_seconds or 0.0 for bucket in buckets), default=0.0)
    return ", ".join(
        f"{bucket.count} {'longer than' if bucket.le_seconds is None else 'within'} "
        f"{bucket.le_seconds if bucket.le_seconds is not None else longest:g} s"
        for bucket in buckets
        if bucket.count
    )
