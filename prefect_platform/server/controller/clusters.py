"""The controller's part in Dask clusters: as many workers as are wanted, and none that nobody wants.

All moves of a cluster are one transaction that holds its row: two controllers never make a worker twice.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from sqlalchemy import Select, and_, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from prefect_platform.errors import PlatformError
from prefect_platform.server.controller.admission import PLATFORM
from prefect_platform.server.db.tables import ClusterRow, WorkloadRow
from prefect_platform.server.services import (
    cluster_members,
    cluster_moves,
    cluster_owners,
    cluster_reports,
    cluster_rows,
    clusters,
    ends,
    workloads,
)
from prefect_platform.server.services.cluster_leases import Leases
from prefect_platform.server.services.cluster_moves import Facts, Moves
from prefect_platform.server.services.parts import Parts
from prefect_platform.wire.runs import Status, Target

logger = logging.getLogger(__name__)

MOST_MOVES = 3
"""Of one cluster in one round: others wait for theirs."""
ORPHAN_SECONDS = 30.0
"""A member may outlive its cluster, or its owner, by so much. What does longer was left behind by mistake."""


class ClusterKeeper:
    """Keeps every cluster as it is wanted."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._leases = Leases(parts.clock)

    async def round(self) -> None:
        """Do what is due for each. What fails for one is tried again in the next round."""
        async with self._parts.database.reader() as session:
            ids = (await session.scalars(select(ClusterRow.id).where(ClusterRow.ended_at.is_(None)))).all()
        self._leases.keep(ids)
        for cluster_id in ids:
            try:
                await self._move_on(cluster_id)
            except Exception:  # the others go on
                logger.exception("Cluster %s could not be moved on; again in a moment", cluster_id)

    async def _move_on(self, cluster_id: str) -> None:
        """As far as it goes: an end is written down, and what follows from it is done."""
        for _ in range(MOST_MOVES):
            async with self._parts.database.reader() as session:
                row = await session.get(ClusterRow, cluster_id)
                if row is None or not cluster_moves.next_moves(await self._facts(session, row)):
                    return
            async with self._parts.database.session() as session:
                held = await cluster_rows.locked(session, cluster_id)
                if held is None or held.ended_at is not None:
                    return
                await self._do(session, held, cluster_moves.next_moves(await self._facts(session, held)))
            workloads.tell(self._parts, row.project_id)
            clusters.tell(self._parts, row)

    async def _facts(self, session: AsyncSession, row: ClusterRow) -> Facts:
        members = await session.scalars(
            select(WorkloadRow)
            .where(WorkloadRow.cluster_id == row.id, WorkloadRow.cluster_noted_at.is_(None))
            .order_by(WorkloadRow.cluster_number)
            .execution_options(populate_existing=True)
        )
        return Facts(
            row=row,
            members=members.all(),
            owner_open=await cluster_rows.owner_open(session, row),
            now=self._parts.clock.now(),
            draining=self._parts.machine.draining,
            abandoned=self._leases.over(row),
            bereft_at=await cluster_owners.bereft_at(session, row),
        )

    async def _do(self, session: AsyncSession, row: ClusterRow, moves: Moves) -> None:
        await self._note(session, row, moves)
        if moves.end is not None:
            clusters.end(row, moves.end, failed=moves.failed)
            if moves.failed:
                await cluster_owners.lose(session, self._parts, row)
        for one in moves.stop:
            held = await workloads.locked(session, one.id)
            asked = held is not None and workloads.ask_to_stop(
                held, PLATFORM, row.reason or "fewer workers are wanted"
            )
            if asked and held is not None and held.status == Status.QUEUED:
                # Nothing of it was started, and a thousand may wait: they do not go through the queue.
                await ends.drop(session, held, PLATFORM, self._parts.clock.now())
        if moves.stop_owner:
            await cluster_owners.stop(session, row)
        if moves.add:
            await self._add(session, row, moves.add)
        if moves.over:
            row.ended_at, row.workers_ready = self._parts.clock.now(), 0
            row.revision += 1

    async def _note(self, session: AsyncSession, row: ClusterRow, moves: Moves) -> None:
        """Write down the ends of members, and what follows from them."""
        at = self._parts.clock.now()
        lost = {one.id for one in moves.lost}
        for one in moves.note:
            held = await workloads.locked(session, one.id)
            if held is not None:
                held.cluster_noted_at = at
            if one.id in lost:
                why = cluster_moves.end_reason(one) or "it ended by itself"
                cluster_reports.note(row, cluster_moves.member_name(one), why, self._parts)
                row.failures = 0 if cluster_moves.is_steady(one) else row.failures + 1
                first = row.failures <= 1
                pause = timedelta(0) if first else cluster_moves.pause(row.failures - 1)
                row.next_worker_at = at + pause

    async def _add(self, session: AsyncSession, row: ClusterRow, count: int) -> None:
        """New workers; a size that cannot be had any more ends the cluster with the reason."""
        of = await cluster_members.lineage(session, row)
        try:
            await cluster_members.add_workers(session, self._parts, row, of, count, PLATFORM)
        except PlatformError as error:
            clusters.end(row, f"it can have no more workers: {error.message}", failed=True)
            await cluster_owners.lose(session, self._parts, row)

    # The sweep

    async def sweep(self) -> None:
        """End members whose cluster, or its owner, ended long ago. Each is a fault of ours, which the log
        tells of."""
        before = self._parts.clock.now() - timedelta(seconds=ORPHAN_SECONDS)
        async with self._parts.database.reader() as session:
            found = await session.execute(_orphans(before))
            ids = [row.id for row in found]
        for workload_id in ids:
            await self._end_orphan(workload_id)

    async def _end_orphan(self, workload_id: str) -> None:
        async with self._parts.database.session() as session:
            row = await workloads.locked(session, workload_id)
            if row is None or row.ended_at is not None:
                return
            logger.error(
                "Workload %s (%s) outlived cluster %s, and is ended: please report this",
                *(row.id, cluster_moves.member_name(row), row.cluster_id),
            )
            if row.status == Status.QUEUED:
                await ends.crash(
                    session, row, "its cluster ended long ago", PLATFORM, self._parts.clock.now()
                )
            else:
                workloads.ask_to_stop(row, PLATFORM, "its cluster ended long ago")
        workloads.tell(self._parts, row.project_id)


def _orphans(before: datetime) -> Select[tuple[str]]:
    """Members that nobody has asked to end, of clusters that should be gone."""
    owner = aliased(WorkloadRow)
    return (
        select(WorkloadRow.id)
        .join(ClusterRow, ClusterRow.id == WorkloadRow.cluster_id)
        .outerjoin(owner, owner.id == ClusterRow.owner_workload_id)
        .where(WorkloadRow.ended_at.is_(None), WorkloadRow.target == Target.RUNNING.value)
        .where(
            or_(
                ClusterRow.ended_at < before,
                owner.ended_at < before,
                and_(ClusterRow.owner_workload_id.is_not(None), owner.id.is_(None)),
            )
        )
    )
