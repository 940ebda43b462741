from __future__ import annotations

from typing import TYPE_CHECKING

import click

from prefect_platform.cli.connection import connected, json_option, project_option

if TYPE_CHECKING:
    from prefect_platform.wire.clusters import Cluster


@click.command()
@click.argument("cluster")
@project_option
@json_option
def command(cluster: str, project: str | None, as_json: bool) -> None:
    """An open CLUSTER by its name, or any by its id."""
    from prefect_platform.cli import output

    with connected(project) as client:
        found = client.clusters.show(client.project, cluster)
    print(output.as_json(found) if as_json else _text(found))


def _text(one: Cluster) -> str:
    from prefect_platform.cli import output

    parts = [_facts(one), _members(one)]
    if one.events:
        rows = [(event.at, event.member, event.reason) for event in one.events]
        parts.append(output.table(("lost at", "member", "reason"), rows, nothing=""))
    return "\n\n".join(parts)


def _facts(one: Cluster) -> str:
    from prefect_platform.cli import output
    from prefect_platform.cli.cluster_words import owner, workers

    price = one.price_per_hour
    return output.facts(
        [
            ("cluster", f"{one.name} ({one.id})"),
            ("status", one.status),
            ("reason", one.reason),
            ("belongs to", owner(one)),
            ("user", one.user),
            ("workers", workers(one)),
            ("scheduler", one.scheduler_address),
            ("dashboard", one.dashboard),
            ("price", None if price is None else f"{price:.2f} an hour"),
            ("started", one.created_at),
            ("ready after", output.between(one.created_at, one.ready_at) if one.ready_at else None),
            ("ended", one.ended_at),
            ("report", f"prefect-platform cluster report {one.id}" if one.has_report else None),
        ]
    )


def _members(one: Cluster) -> str:
    from prefect_platform.cli import output

    rows = [
        (m.name, m.status, f"{m.cores:g}", output.size(m.memory_bytes), m.size,
         output.between(m.created_at, m.ended_at), m.reason)
        for m in one.members
    ]  # fmt: skip
    return output.table(("member", "status", "cores", "memory", "size", "age", "reason"), rows, nothing="")
