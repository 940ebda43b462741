"""The workloads that a run owns: its attempts, and the schedulers and workers of their Dask clusters."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import case, select
from sqlalchemy.ext.asyncio import AsyncSession

from prefect_platform.server.db.tables import AttemptRow, ClusterRow, WorkloadRow


async def of_run(session: AsyncSession, run_id: str) -> Sequence[WorkloadRow]:
    """Oldest attempt first; after each the members of its clusters, a scheduler before its workers."""
    own = WorkloadRow.id == AttemptRow.workload_id
    found = await session.scalars(
        select(WorkloadRow)
        .outerjoin(ClusterRow, ClusterRow.id == WorkloadRow.cluster_id)
        .join(AttemptRow, own | (ClusterRow.owner_workload_id == AttemptRow.workload_id))
        .where(AttemptRow.run_id == run_id)
        .order_by(
            AttemptRow.number,
            case((own, 0), else_=1),
            WorkloadRow.cluster_id,
            WorkloadRow.cluster_number,
        )
    )
    return found.all()
