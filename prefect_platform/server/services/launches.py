"""What a launcher does with its workload: claim it, tell its steps and promises, tell its end."""

from __future__ import annotations

from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from prefect_platform.errors import AlreadyClaimed, Conflict, InternalError, SecretUnavailable, UsageError
from prefect_platform.server.db.tables import ResourceRow, WorkloadRow
from prefect_platform.server.services import (
    cluster_launches,
    ends,
    launch_specs,
    log_masking,
    resource_launches,
    workload_tokens,
    workload_views,
    workloads,
)
from prefect_platform.server.services.callers import Caller
from prefect_platform.server.services.kinds import kind_of
from prefect_platform.server.services.parts import CLUSTERS, RESOURCES, Parts
from prefect_platform.wire import launch
from prefect_platform.wire.promises import PromisesReport
from prefect_platform.wire.runs import Renewed, ResultReport, Status, Step, StepReport, Target, Workload
from prefect_platform.wire.tokens import TokenKind

LAUNCHER = "launcher"
"""The actor of the moves that a launcher reports."""
PLATFORM = "platform"
"""The actor of an end that the platform decides."""
RUNNING_STEP = "running"
BEFORE_CLAIM = frozenset({Status.QUEUED, Status.PROVISIONING})
MAX_STEPS = 200
RESERVED_STEPS = {workloads.PLACED, workloads.STOP_ASKED, workloads.GONE, workloads.COMPLETE}


async def show(parts: Parts, caller: Caller, workload_id: str) -> Workload:
    async with parts.database.reader() as session:
        return await workload_views.workload(session, await workloads.own(session, caller, workload_id))


async def claim(parts: Parts, caller: Caller, workload_id: str, launcher_id: str) -> dict[str, Any]:
    """Give a launcher its spec as JSON. Again for the same launcher, with a new token for user code.

    Raises:
        AlreadyClaimed: another launcher has it.
        Conflict: the workload has ended, or is to end before it started.
        SecretUnavailable: a secret cannot be given, which ends the workload as crashed.
    """
    try:
        spec = await _claim(parts, caller, workload_id, launcher_id)
    except SecretUnavailable as refusal:
        await _crash(parts, caller, workload_id, refusal.message)
        raise
    return launch.encode(spec)


async def _claim(parts: Parts, caller: Caller, workload_id: str, launcher_id: str) -> launch.LaunchSpec:
    async with parts.database.session() as session:
        row = await workloads.own(session, caller, workload_id, write=True)
        _claimable(row, launcher_id)
        at = parts.clock.now()
        row.launcher_id, row.last_seen_at = launcher_id, at
        await workloads.move(session, row, Status.STARTING, LAUNCHER, None, at)
        await workload_tokens.revoke(session, row.id, TokenKind.WORKLOAD, at, keep=caller.token_id)
        await workload_tokens.revoke(session, row.id, TokenKind.USER_CODE, at)
        secret = await workload_tokens.issue(session, parts, row, TokenKind.USER_CODE)
        spec = await _spec(session, parts, row, secret)
    parts.log_masks.given(workload_id, spec.secrets)
    workloads.tell(parts, row.project_id)
    return spec


async def _crash(parts: Parts, caller: Caller, workload_id: str, reason: str) -> None:
    async with parts.database.session() as session:
        row = await workloads.own(session, caller, workload_id, write=True)
        if row.ended_at is None:
            await ends.crash(session, row, reason, PLATFORM, parts.clock.now())
    workloads.tell(parts, row.project_id)


def _claimable(row: WorkloadRow, launcher_id: str) -> None:
    if row.launcher_id is not None and row.launcher_id != launcher_id:
        raise AlreadyClaimed(f"Workload {row.id} is claimed by launcher {row.launcher_id}: end this one.")
    if row.ended_at is not None:
        raise Conflict(f"Workload {row.id} has ended ({row.status}): there is nothing to launch.")
    if row.target == Target.STOPPED and row.launcher_id is None:
        raise Conflict(f"Workload {row.id} was cancelled before it started: there is nothing to launch.")


async def _spec(session: AsyncSession, parts: Parts, row: WorkloadRow, secret: str) -> launch.LaunchSpec:
    if row.resource_id is not None:
        return await resource_launches.build(session, parts, row, secret)
    if row.cluster_id is not None:
        return await cluster_launches.build(session, parts, row, secret)
    attempt = await workloads.attempt_of(session, row.id)
    version = await workloads.version_of(session, row.id)
    if attempt is None or version is None:
        raise InternalError(f"Workload {row.id} has no attempt to launch.")
    return await launch_specs.build(session, parts, row, attempt, version, secret)


async def renew(parts: Parts, caller: Caller, workload_id: str) -> Renewed:
    """The file of a program that runs out, anew.

    Raises:
        Conflict: the workload has ended or is no program, or its kind renews nothing.
    """
    async with parts.database.session() as session:
        row = await workloads.own(session, caller, workload_id, write=True)
        resource = await session.get(ResourceRow, row.resource_id) if row.resource_id else None
        if resource is None or row.ended_at is not None or row.status in BEFORE_CLAIM:
            raise Conflict(f"Workload {workload_id} does not run a program: there is nothing to renew.")
        content, values = await kind_of(resource.kind).renew(session, parts, resource, row)
    parts.log_masks.given(workload_id, values)
    return Renewed(content=content, secrets=values)


async def step(parts: Parts, caller: Caller, workload_id: str, report: StepReport) -> Workload:
    """Note one step; `running` also moves the workload. A repeat is noted once."""
    if report.name in RESERVED_STEPS or report.name.startswith(log_masking.STEP):
        raise UsageError(f"Step {report.name!r} is the platform's own: a launcher cannot tell it.")
    async with parts.database.session() as session:
        row = await workloads.own(session, caller, workload_id, write=True)
        row.last_seen_at = parts.clock.now()
        if not _told(row, report):
            if len(row.steps) >= MAX_STEPS:
                raise UsageError(f"Workload {row.id} has told {MAX_STEPS} steps; no more are kept.")
            workloads.note(row, report.name, report.at, report.detail)
            if report.name == RUNNING_STEP and row.ended_at is None:
                await workloads.move(session, row, Status.RUNNING, LAUNCHER, None, row.last_seen_at)
        view = await workload_views.workload(session, row)
    workloads.tell(parts, row.project_id)
    return view


def _told(row: WorkloadRow, report: StepReport) -> bool:
    told = Step(name=report.name, at=report.at, detail=report.detail).model_dump(mode="json")
    return told in row.steps


async def promises(parts: Parts, caller: Caller, workload_id: str, report: PromisesReport) -> Workload:
    """Keep what the launcher found of the promises, in place of what it found before."""
    async with parts.database.session() as session:
        row = await workloads.own(session, caller, workload_id, write=True)
        row.last_seen_at = parts.clock.now()
        row.promises = [promise.model_dump(mode="json") for promise in report.promises]
        view = await workload_views.workload(session, row)
    workloads.tell(parts, row.project_id)
    return view


async def result(parts: Parts, caller: Caller, workload_id: str, report: ResultReport) -> Workload:
    """The launcher's last word. A repeat changes nothing.

    Raises:
        Conflict: no launcher has claimed the workload, so none can have ended it.
    """
    async with parts.database.session() as session:
        row = await workloads.own(session, caller, workload_id, write=True)
        if row.status in BEFORE_CLAIM:
            raise Conflict(f"Workload {workload_id} was not claimed by a launcher: claim it first.")
        row.last_seen_at = at = parts.clock.now()
        await ends.end(session, row, report, LAUNCHER, at)
        view = await workload_views.workload(session, row)
    workloads.tell(parts, row.project_id)
    if row.resource_id is not None:
        parts.wakeups.notify(RESOURCES)
    parts.wakeups.notify(CLUSTERS)
    return view
