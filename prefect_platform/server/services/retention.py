"""What is removed because its time is over: logs, runs, starts of resources, deleted resources, versions of
deleted flows, environments.

Only what is over is ever touched: a run with an end, every attempt of it settled and cleaned up. Rows go in
batches of a transaction each, so that nobody waits long for SQLite's write lock; each batch looks again at
what it removes, so that two replicas may do it at once and a server may end in the middle.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, delete, exists, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from prefect_platform.server.config import RetentionSettings
from prefect_platform.server.db.tables import (
    AgentRow,
    AttemptRow,
    ClusterRow,
    EnvironmentRow,
    FlowRow,
    FlowVersionRow,
    JupyterServerRow,
    LogGapRow,
    ResourceRow,
    RunRow,
    SecretUseRow,
    TransitionRow,
    WorkloadRow,
)
from prefect_platform.server.services import secrets, workloads
from prefect_platform.server.services.deletions import unnamed_versions
from prefect_platform.server.services.parts import Parts

BATCH = 100
"""Runs, versions or environments of one transaction."""


@dataclass(frozen=True)
class Cutoffs:
    """What ended before these instants goes; None keeps for ever."""

    runs: datetime | None
    logs: datetime | None
    """Never before that of the runs: a log goes with its run, if not earlier."""
    environments: datetime | None


def cutoffs(settings: RetentionSettings, now: datetime) -> Cutoffs:
    """The instants that the settings mean now. Pure."""
    runs, logs, environments = (
        now - timedelta(days=days) if days else None
        for days in (settings.run_days, settings.log_days, settings.environment_days)
    )
    known = [one for one in (runs, logs) if one is not None]
    return Cutoffs(runs, max(known, default=None), environments)


async def forget_runs(parts: Parts) -> int:
    """Remove runs with attempts, workloads, transitions and gaps; how many. Those whose log is still to be
    removed wait for that. The ledger of secrets keeps what it says of them."""
    before = cutoffs(parts.config.retention, parts.clock.now()).runs
    return 0 if before is None else await _in_batches(parts, lambda s, after: _runs(s, before, after))


async def forget_starts(parts: Parts) -> int:
    """Remove the ended starts of resources, all but the last of each, and the members of ended clusters, as
    old as runs may get; how many."""
    before = cutoffs(parts.config.retention, parts.clock.now()).runs
    return 0 if before is None else await _in_batches(parts, lambda s, after: _starts(s, before, after))


async def forget_resources(parts: Parts) -> int:
    """Remove what is left of deleted resources, as old as runs may get, once no start and no attempt names
    them; how many."""
    before = cutoffs(parts.config.retention, parts.clock.now()).runs
    return 0 if before is None else await _in_batches(parts, lambda s, after: _resources(s, before, after))


async def forget_clusters(parts: Parts) -> int:
    """Remove ended Dask clusters, as old as runs may get, once none of their members is left; how many."""
    before = cutoffs(parts.config.retention, parts.clock.now()).runs
    return 0 if before is None else await _in_batches(parts, lambda s, after: _clusters(s, before, after))


async def forget_versions(parts: Parts) -> int:
    """Remove versions of deleted flows that no run names any more; of how many flows."""
    return await _in_batches(parts, _versions)


async def forget_environments(parts: Parts) -> int:
    """Remove environments that no version and no cluster names; how many."""
    before = cutoffs(parts.config.retention, parts.clock.now()).environments
    return 0 if before is None else await _in_batches(parts, lambda s, after: _environments(s, before, after))


Batch = Callable[[AsyncSession, str], Awaitable[list[str]]]
"""Removes at most `BATCH` things whose ids come after one, and tells which, in order."""


async def _in_batches(parts: Parts, batch: Batch) -> int:
    count, after = 0, ""
    while True:
        async with parts.database.session() as session:
            found = await batch(session, after)
        count += len(found)
        if len(found) < BATCH:
            return count
        after = found[-1]


async def _runs(session: AsyncSession, before: datetime, after: str) -> list[str]:
    found = (
        select(RunRow.id)
        .where(RunRow.ended_at < before, RunRow.id > after, ~_has_something_left())
        .order_by(RunRow.id)
        .limit(BATCH)
        .with_for_update(skip_locked=True)
    )
    ids = list((await session.scalars(found)).all())
    if ids:
        await _forget(session, ids)
    return ids


def _has_something_left() -> ColumnElement[bool]:
    """That an attempt of a run is unsettled, not cleaned up, or has bytes of a log."""
    return exists().where(
        AttemptRow.run_id == RunRow.id,
        WorkloadRow.id == AttemptRow.workload_id,
        or_(
            AttemptRow.settled_at.is_(None),
            WorkloadRow.removed_at.is_(None),
            WorkloadRow.logs_freed_at.is_(None),
        ),
    )


async def _starts(session: AsyncSession, before: datetime, after: str) -> list[str]:
    found = (
        select(WorkloadRow.id)
        .where(
            workloads.programs(),
            WorkloadRow.ended_at < before,
            WorkloadRow.removed_at.is_not(None),
            WorkloadRow.logs_freed_at.is_not(None),
            ~exists().where(ResourceRow.workload_id == WorkloadRow.id, ResourceRow.deleted_at.is_(None)),
            ~exists().where(ClusterRow.id == WorkloadRow.cluster_id, ClusterRow.ended_at.is_(None)),
            WorkloadRow.id > after,
        )
        .order_by(WorkloadRow.id)
        .limit(BATCH)
        .with_for_update(skip_locked=True)
    )
    ids = list((await session.scalars(found)).all())
    if ids:
        await _keep_for_the_ledger(session, ids)
        await _forget_workloads(session, ids)
    return ids


async def _resources(session: AsyncSession, before: datetime, after: str) -> list[str]:
    found = (
        select(ResourceRow.id)
        .where(
            ResourceRow.deleted_at < before,
            ResourceRow.id > after,
            ~exists().where(WorkloadRow.resource_id == ResourceRow.id),
            ~exists().where(AttemptRow.agent_id == ResourceRow.id),
        )
        .order_by(ResourceRow.id)
        .limit(BATCH)
        .with_for_update(skip_locked=True)
    )
    ids = list((await session.scalars(found)).all())
    for gone in (
        delete(JupyterServerRow).where(JupyterServerRow.resource_id.in_(ids)),
        delete(AgentRow).where(AgentRow.id.in_(ids)),
        delete(ResourceRow).where(ResourceRow.id.in_(ids)),
    ):
        await session.execute(gone.execution_options(synchronize_session=False))
    return ids


async def _clusters(session: AsyncSession, before: datetime, after: str) -> list[str]:
    found = (
        select(ClusterRow.id)
        .where(
            ClusterRow.ended_at < before,
            ClusterRow.id > after,
            ~exists().where(WorkloadRow.cluster_id == ClusterRow.id),
        )
        .order_by(ClusterRow.id)
        .limit(BATCH)
        .with_for_update(skip_locked=True)
    )
    ids = list((await session.scalars(found)).all())
    gone = delete(ClusterRow).where(ClusterRow.id.in_(ids))
    await session.execute(gone.execution_options(synchronize_session=False))
    return ids


async def _forget_workloads(session: AsyncSession, ids: list[str]) -> None:
    """Remove workloads that nothing names any more, with their timeline."""
    for gone in (
        delete(TransitionRow).where(TransitionRow.workload_id.in_(ids)),
        delete(LogGapRow).where(LogGapRow.workload_id.in_(ids)),
        delete(WorkloadRow).where(WorkloadRow.id.in_(ids)),
    ):
        await session.execute(gone.execution_options(synchronize_session=False))


async def _forget(session: AsyncSession, run_ids: list[str]) -> None:
    found = await session.scalars(select(AttemptRow.workload_id).where(AttemptRow.run_id.in_(run_ids)))
    workload_ids = list(found)
    await _keep_for_the_ledger(session, workload_ids)
    attempts = delete(AttemptRow).where(AttemptRow.run_id.in_(run_ids))
    await session.execute(attempts.execution_options(synchronize_session=False))
    await _forget_workloads(session, workload_ids)
    runs = delete(RunRow).where(RunRow.id.in_(run_ids))
    await session.execute(runs.execution_options(synchronize_session=False))


async def _keep_for_the_ledger(session: AsyncSession, workload_ids: list[str]) -> None:
    lines = await session.scalars(select(SecretUseRow).where(SecretUseRow.workload_id.in_(workload_ids)))
    facts: dict[str, dict[str, object]] | None = None
    for line in lines.all():
        if facts is None:
            facts = await secrets.facts_of_uses(session, workload_ids)
        line.kept = facts[line.workload_id]
    await session.flush()


async def _versions(session: AsyncSession, after: str) -> list[str]:
    unnamed = and_(FlowVersionRow.flow_id == FlowRow.id, *unnamed_versions())
    found = (
        select(FlowRow.id)
        .where(FlowRow.deleted_at.is_not(None), FlowRow.id > after, exists().where(unnamed))
        .order_by(FlowRow.id)
        .limit(BATCH)
        .with_for_update(skip_locked=True)
    )
    ids = list((await session.scalars(found)).all())
    await session.execute(
        delete(FlowVersionRow)
        .where(FlowVersionRow.flow_id.in_(ids), *unnamed_versions())
        .execution_options(synchronize_session=False)
    )
    return ids


async def _environments(session: AsyncSession, before: datetime, after: str) -> list[str]:
    of_version = exists().where(
        FlowVersionRow.project_id == EnvironmentRow.project_id,
        FlowVersionRow.settings["environment"].as_string() == EnvironmentRow.fingerprint,
    )
    of_cluster = exists().where(
        ClusterRow.project_id == EnvironmentRow.project_id,
        ClusterRow.environment == EnvironmentRow.fingerprint,
    )
    unused = ~or_(of_version, of_cluster)
    found = (
        select(EnvironmentRow.id)
        .where(EnvironmentRow.created_at < before, EnvironmentRow.id > after, unused)
        .order_by(EnvironmentRow.id)
        .limit(BATCH)
        .with_for_update(skip_locked=True)
    )
    ids = list((await session.scalars(found)).all())
    # Asked once more: a registration may have held the row until a moment ago, and names it now.
    await session.execute(
        delete(EnvironmentRow)
        .where(EnvironmentRow.id.in_(ids), unused)
        .execution_options(synchronize_session=False)
    )
    return ids
