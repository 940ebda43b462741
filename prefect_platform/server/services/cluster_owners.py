"""What the end of a cluster means to the run that it belongs to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from prefect_platform.server.db.tables import ClusterRow, WorkloadRow
from prefect_platform.server.services import cluster_rows, workloads
from prefect_platform.server.services.parts import Parts
from prefect_platform.wire.clusters import ClusterOwner
from prefect_platform.wire.runs import Target

NAMED = 5
"""Lost members that a sentence names."""
CLUSTER_LOST = "dask-cluster-lost"
"""A step of an attempt: its cluster failed, and why. It ends as crashed for that."""


async def lose(session: AsyncSession, parts: Parts, row: ClusterRow) -> None:
    """A locked cluster has failed: the attempt that was to have it ends, as crashed, for that reason. Its
    engine sees that itself, and Prefect then hears it from there; `stop` is for one that does not. A cluster
    that somebody's code made beside its own is that code's matter."""
    if row.owner_kind != ClusterOwner.ATTEMPT or row.python is not None or row.owner_workload_id is None:
        return
    owner = await workloads.locked(session, row.owner_workload_id)
    if owner is None or owner.ended_at is not None:
        return
    reason = row.reason or "It ended by itself."
    workloads.note(owner, CLUSTER_LOST, parts.clock.now(), f"Its Dask cluster was lost. {reason}")


async def stop(session: AsyncSession, row: ClusterRow) -> None:
    """The attempt did not end by itself though its cluster was lost. It is ended by force and not cancelled:
    nobody asked for this end, and Prefect's automations are to hear of a crash."""
    owner = await workloads.locked(session, str(row.owner_workload_id))
    if owner is not None and owner.ended_at is None:
        owner.target, owner.grace_seconds = Target.STOPPED.value, 0.0


async def bereft_at(session: AsyncSession, row: ClusterRow) -> datetime | None:
    """When the attempt that a cluster belongs to was told that it is lost; none if it is to end anyway."""
    if not row.failed or row.owner_workload_id is None:
        return None
    owner = await session.get(WorkloadRow, row.owner_workload_id, populate_existing=True)
    if owner is None or owner.target == Target.STOPPED:
        return None
    return workloads.noted(owner, CLUSTER_LOST)


def lost(row: WorkloadRow) -> str | None:
    """Why an attempt lost its cluster, if it did."""
    return next((str(step["detail"]) for step in row.steps if step["name"] == CLUSTER_LOST), None)


async def story(session: AsyncSession, workload_id: str) -> str | None:
    """What went wrong in the clusters of an attempt, as a sentence for who reads why it ended."""
    for row in await session.scalars(cluster_rows.owned_by([workload_id])):
        if row.events:
            return of_members([event["member"] for event in row.events], row.events[-1]["reason"])
    return None


def of_members(members: Sequence[str], reason: str) -> str:
    """Which members of a cluster were lost, each once, and why the last of them was."""
    names = list(dict.fromkeys(members))
    shown = ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")
    if len(names) == 1:
        times = f" {len(members)} times" if len(members) > 1 else ""
        return f"{shown} of its Dask cluster was lost{times}: {reason}"
    return f"{shown} of its Dask cluster were lost, {members[-1]} last: {reason}"
