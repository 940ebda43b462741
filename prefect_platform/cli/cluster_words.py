"""How commands speak of clusters."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prefect_platform.wire.clusters import Cluster


def workers(one: Cluster) -> str:
    """`3`, `1 of 3`, `2 (2 to 8)`."""
    if one.ended_at is not None:
        return "0"
    count = str(one.n_workers)
    if one.workers_ready != one.n_workers:
        count = f"{one.workers_ready} of {one.n_workers}"
    return count if one.adapt is None else f"{count} ({one.adapt.minimum} to {one.adapt.maximum})"


def owner(one: Cluster) -> str:
    """What it ends with."""
    from prefect_platform.wire.clusters import ClusterOwner

    kind = {ClusterOwner.ATTEMPT: "run", ClusterOwner.JUPYTER_SERVER: "Jupyter server"}.get(one.owner_kind)
    return "its user" if kind is None else f"{kind} {one.owner_id or 'that is gone'}"


def text(one: Cluster) -> str:
    """All of one: how it is, its members, and those that it lost."""
    from prefect_platform.cli import output

    parts = [_facts(one), _members(one)]
    if one.events:
        rows = [(event.at, event.member, event.reason) for event in one.events]
        parts.append(output.table(("lost at", "member", "reason"), rows, nothing=""))
    return "\n\n".join(parts)


def _facts(one: Cluster) -> str:
    from prefect_platform.cli import output

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
