"""Runs: Prefect flow runs of our flows, and the attempts at each. Starting and cancelling go through
Prefect, so that both sides always speak of the same run."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from prefect_platform.errors import Conflict, NotFound, OrchestratorUnavailable, UsageError
from prefect_platform.names import nearest
from prefect_platform.server.db.tables import AttemptRow, DeploymentRow, FlowRow, RunRow, WorkloadRow
from prefect_platform.server.services import (
    flows,
    notifications,
    orchestrators,
    prefect_access,
    projects,
    run_views,
    waiting,
    workloads,
)
from prefect_platform.server.services.callers import Caller
from prefect_platform.server.services.orchestrator import FlowRunState
from prefect_platform.server.services.paging import page
from prefect_platform.server.services.parts import Parts
from prefect_platform.wire.base import Page
from prefect_platform.wire.flows import RunRequest
from prefect_platform.wire.runs import CancelRequest, Run, RunDetail, RunSort, Status

_log = logging.getLogger(__name__)


async def start(
    parts: Parts, caller: Caller, flow_id: str, request: RunRequest, idempotency_key: str | None
) -> Run:
    """Make a flow run of a deployment of this flow, due now or later.

    Raises:
        NotFound: no such flow, or Prefect has lost its deployment.
        Conflict: the flow is being deleted.
        UsageError: which deployment is meant is not clear, or it does not exist.
        OrchestratorUnavailable: Prefect does not answer; nothing was started.
    """
    async with parts.database.reader() as session:
        deployment = await _deployment(session, caller, flow_id, request.deployment_name)
        project_id = (await session.get_one(FlowRow, flow_id)).project_id
    try:
        state = await (await orchestrators.of(parts, project_id)).create_run(
            deployment.prefect_deployment_id,
            request.parameters,
            request.tags,
            request.scheduled_time,
            f"{caller.token_id}:{idempotency_key}" if idempotency_key else None,
        )
    except NotFound as error:
        raise NotFound(
            f"Prefect has no deployment {deployment.name!r} of this flow any more: register the flow again."
        ) from error
    return await _remember(parts, caller, deployment, state)


async def _deployment(session: AsyncSession, caller: Caller, flow_id: str, name: str | None) -> DeploymentRow:
    flow = await session.get(FlowRow, flow_id)
    if flow is None:
        raise NotFound(f"There is no flow {flow_id!r}, or it is not yours to see.")
    await projects.reachable(session, caller, flow.project_id)
    flows.check_stays(flow)
    found = await session.scalars(select(DeploymentRow).where(DeploymentRow.flow_id == flow_id))
    by_name = {row.name: row for row in found}
    if name is None and len(by_name) == 1:
        return next(iter(by_name.values()))
    if name in by_name:
        return by_name[name]
    if not by_name:
        raise UsageError(f"Flow {flow.name!r} has no deployment yet: register it first.")
    known = ", ".join(repr(other) for other in sorted(by_name))
    if name is None:
        raise UsageError(f"Flow {flow.name!r} has several deployments; say which: {known}.")
    raise UsageError(f"Flow {flow.name!r} has no deployment {name!r}, but {known}.{nearest(name, by_name)}")


async def _remember(parts: Parts, caller: Caller, deployment: DeploymentRow, state: FlowRunState) -> Run:
    """Write the run's row, unless an agent was faster, or this is the repeat of a call."""
    try:
        async with parts.database.session() as session:
            if await session.get(RunRow, state.flow_run_id) is None:
                session.add(await _row(session, parts, caller, deployment, state))
    except IntegrityError:  # an agent asked for the first attempt meanwhile
        pass
    async with parts.database.session() as session:
        row = await session.get(RunRow, state.flow_run_id, with_for_update=True)
        if row is None:
            raise NotFound(f"Flow run {state.flow_run_id} was deleted while it was started.")
        if row.started_by is None:
            await _say_who(session, row, caller.name)
        return (await run_views.runs(session, parts, [row]))[0]


async def _say_who(session: AsyncSession, row: RunRow, name: str) -> None:
    """An agent was faster than the answer to whoever started this run: their name goes with all of it."""
    row.started_by = name
    theirs = select(AttemptRow.workload_id).where(AttemptRow.run_id == row.id)
    await session.execute(update(WorkloadRow).where(WorkloadRow.id.in_(theirs)).values(started_by=name))


async def _row(
    session: AsyncSession, parts: Parts, caller: Caller, deployment: DeploymentRow, state: FlowRunState
) -> RunRow:
    flow = await session.get_one(FlowRow, deployment.flow_id)
    return RunRow(
        id=state.flow_run_id,
        project_id=flow.project_id,
        flow_id=flow.id,
        version_id=deployment.version_id,
        deployment_name=deployment.name,
        name=state.name,
        started_by=caller.name,
        prefect_state=state.state_name,
        attempts=0,
        created_at=parts.clock.now(),
    )


SORTED: Mapping[RunSort, tuple[InstrumentedAttribute[Any], bool]] = {
    RunSort.NEWEST: (RunRow.created_at, False),
    RunSort.OLDEST: (RunRow.created_at, True),
    RunSort.NAME: (RunRow.name, True),
    RunSort.NAME_DESCENDING: (RunRow.name, False),
    RunSort.SHORTEST: (RunRow.duration_ms, True),
    RunSort.LONGEST: (RunRow.duration_ms, False),
}
"""By what a listing is sorted, and whether that rises."""


async def listing(
    parts: Parts,
    caller: Caller,
    project: str,
    flow: str | None,
    status: Status | None,
    cursor: str | None,
    limit: int | None,
    text: str | None = None,
    since: datetime | None = None,
    sort: RunSort = RunSort.NEWEST,
) -> Page[Run]:
    """Runs of a project; of one flow by its name or id, of one status, with a text in the name of the run or
    its flow, made at `since` or later."""
    async with parts.database.reader() as session:
        owner = await projects.member(session, caller, project)
        statement = select(RunRow).where(RunRow.project_id == owner.id)
        if flow is not None:
            named = select(FlowRow.id).where(
                FlowRow.project_id == owner.id, or_(FlowRow.id == flow, FlowRow.name == flow)
            )
            statement = statement.where(RunRow.flow_id.in_(named))
        if status is not None:
            statement = statement.where(RunRow.status == status.value)
        if text:
            flows = select(FlowRow.id).where(
                FlowRow.project_id == owner.id, FlowRow.name.icontains(text, autoescape=True)
            )
            named_so = RunRow.name.icontains(text, autoescape=True)
            statement = statement.where(or_(named_so, RunRow.flow_id.in_(flows)))
        if since is not None:
            statement = statement.where(RunRow.created_at >= since)
        first, ascending = SORTED[sort]
        rows, following = await page(
            session, statement, [first, RunRow.id], cursor, limit, ascending=ascending
        )
    changed = await waiting.refresh(parts, rows)
    async with parts.database.reader() as session:
        if changed:
            order = [row.id for row in rows]
            again = await session.scalars(select(RunRow).where(RunRow.id.in_(order)))
            rows = sorted(again, key=lambda row: order.index(row.id))
        return Page[Run](items=await run_views.runs(session, parts, rows), cursor=following)


async def show(parts: Parts, caller: Caller, run_id: str) -> RunDetail:
    async with parts.database.reader() as session:
        row = await own(session, caller, run_id)
    await waiting.refresh(parts, [row])
    async with parts.database.reader() as session:
        return await run_views.detail(session, parts, await own(session, caller, run_id))


async def own(session: AsyncSession, caller: Caller, run_id: str, *, write: bool = False) -> RunRow:
    """The run, if it is the caller's to see; NotFound otherwise."""
    row = await session.get(RunRow, run_id, with_for_update=write, populate_existing=write)
    if row is None:
        raise NotFound(f"There is no run {run_id!r}, or it is not yours to see.")
    await projects.reachable(session, caller, row.project_id)
    return row


async def cancel(parts: Parts, caller: Caller, run_id: str, request: CancelRequest) -> RunDetail:
    """End a run here and in Prefect. What runs here ends even if Prefect does not answer: then the
    answer's `reason` says so, and an agent tells Prefect later.

    Raises:
        OrchestratorUnavailable: Prefect does not answer, and nothing of the run is here to be ended.
        Conflict: nothing of it is here, and it stands in a Prefect that its agent alone talks to.
    """
    async with parts.database.session() as session:
        row = await own(session, caller, run_id)
        elsewhere = (await prefect_access.runs_elsewhere(session, parts, [run_id])).get(run_id)
        over, stopped = run_views.is_over(row), await _stop_all(session, run_id, caller.name, request.reason)
    workloads.tell(parts, row.project_id)
    if over or (elsewhere and stopped):  # its agent hears of it, and tells its Prefect
        return await show(parts, caller, run_id)
    if elsewhere:
        raise Conflict(
            f"Nothing of run {run_id} goes on here, and it stands in Prefect at {elsewhere}, which its agent "
            "alone talks to: cancel it there."
        )
    try:
        state = await (await orchestrators.of(parts, row.project_id)).cancel_run(run_id, request.reason)
    except NotFound:  # deleted in Prefect: a look finds that out, and nothing is left to be told
        return await show(parts, caller, run_id)
    except OrchestratorUnavailable as error:
        if not stopped:
            raise
        return await _unheard(parts, caller, run_id, error)
    return await _heard(parts, caller, run_id, state)


async def _stop_all(session: AsyncSession, run_id: str, by: str, reason: str) -> int:
    """Want every open workload of a run ended; how many there are."""
    rows = await session.scalars(
        select(WorkloadRow)
        .join(AttemptRow, AttemptRow.workload_id == WorkloadRow.id)
        .where(AttemptRow.run_id == run_id, WorkloadRow.ended_at.is_(None))
        .with_for_update(of=WorkloadRow)
    )
    found = list(rows)
    for row in found:
        workloads.ask_to_stop(row, by, reason)
    return len(found)


async def end(parts: Parts, run_id: str, by: str, reason: str) -> None:
    """Cancel a run whose flow goes. No-op for one that is over.

    Raises:
        OrchestratorUnavailable: Prefect does not answer. What runs here ends; the call is to be repeated.
    """
    async with parts.database.session() as session:
        row = await session.get(RunRow, run_id)
        if row is None or run_views.is_over(row):
            return
        project_id = row.project_id
        elsewhere = (await prefect_access.runs_elsewhere(session, parts, [run_id])).get(run_id)
        stopped = await _stop_all(session, run_id, by, reason)
    workloads.tell(parts, project_id)
    if elsewhere:
        if not stopped:
            _log.warning("Run %s is ended with its flow, but not in Prefect at %s", run_id, elsewhere)
        return
    try:
        state = await (await orchestrators.of(parts, project_id)).cancel_run(run_id, reason)
    except NotFound:
        state = waiting.deleted(run_id)
    except (
        Conflict,
        UsageError,
    ) as error:  # Prefect lets nobody cancel it now; what runs here ends all the same
        _log.warning("Run %s is ended with its flow, but not in Prefect: %s", run_id, error.message)
        return
    async with parts.database.session() as session:
        row = await session.get(RunRow, run_id, with_for_update=True, populate_existing=True)
        if row is not None:
            await _take_in(session, parts, row, state)


async def _unheard(parts: Parts, caller: Caller, run_id: str, error: OrchestratorUnavailable) -> RunDetail:
    async with parts.database.session() as session:
        row = await own(session, caller, run_id, write=True)
        if not run_views.is_over(row):
            row.reason = (
                f"Cancelled by {caller.name} and being ended here, but Prefect was not reached "
                f"({error.message}). An agent tells Prefect as soon as it answers."
            )
        return await run_views.detail(session, parts, row)


async def _heard(parts: Parts, caller: Caller, run_id: str, state: FlowRunState) -> RunDetail:
    """Prefect's answer to a cancel. A run that has no attempt may be over by it."""
    async with parts.database.session() as session:
        row = await own(session, caller, run_id, write=True)
        await _take_in(session, parts, row, state)
        return await run_views.detail(session, parts, row)


async def _take_in(session: AsyncSession, parts: Parts, row: RunRow, state: FlowRunState) -> None:
    if not run_views.is_over(row):
        row.prefect_state = state.state_name
        if await waiting.nothing_open(session, row.id):
            waiting.conclude(row, state, parts.clock.now())
            await notifications.concluded(session, row, parts.clock.now())
