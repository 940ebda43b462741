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
