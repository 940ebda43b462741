"""Attempts: made once for each Pending state that an agent won, settled once Prefect has spoken.

Whatever an agent sends may come twice: each call does its work once and answers the same again.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from prefect_platform.errors import Conflict, ForeignAttempt, NotFound, Unavailable
from prefect_platform.names import new_id
from prefect_platform.server.db.tables import (
    AgentRow,
    AttemptRow,
    DeploymentRow,
    FlowRow,
    FlowVersionRow,
    RunRow,
    TransitionRow,
    WorkloadRow,
)
from prefect_platform.server.services import (
    cluster_rows,
    clusters,
    ends,
    prefect_access,
    projects,
    settlement,
    sizes,
    workload_views,
    workloads,
)
from prefect_platform.server.services.callers import Caller
from prefect_platform.server.services.parts import Parts
from prefect_platform.wire.clusters import ClusterOwner
from prefect_platform.wire.flows import VersionSettings
from prefect_platform.wire.runs import (
    FINAL,
    Attempt,
    AttemptRequest,
    CancelRequest,
    Settlement,
    Status,
    Target,
    WorkloadKind,
)

TRIES = 5
"""Tries of a creation that races with another for the same flow run."""

BY_PREFECT = "Prefect"
"""Who cancelled, where a cancel came from Prefect's side: no agent has to tell Prefect of it."""


async def create(parts: Parts, caller: Caller, request: AttemptRequest) -> Attempt:
    """The attempt for one Pending state of a flow run: made now, or the one that is there.

    Raises:
        NotFound: this project knows no such flow version, its flow was deleted, or there is no such size any
            more.
        UsageError: its size is not offered any more.
        Unavailable: the platform is being stopped.
    """
    for left in reversed(range(TRIES)):
        try:
            async with parts.database.session() as session:
                view = await _create(session, parts, caller, request)
            break
        except IntegrityError:  # another call made the run or the attempt meanwhile: look again
            if not left:
                raise
    workloads.tell(parts, str(caller.project_id))
    return view.model_copy(update={"page": f"{parts.config.public_url}/runs/{view.flow_run_id}"})


async def _create(session: AsyncSession, parts: Parts, caller: Caller, request: AttemptRequest) -> Attempt:
    version = await _version(session, caller, request)
    at = parts.clock.now()
    run = await _run(session, version, request, at)
    found = await session.scalar(
        select(AttemptRow).where(
            AttemptRow.run_id == run.id, AttemptRow.pending_state_id == request.pending_state_id
        )
    )
    if found is not None:
        return await workload_views.attempt(session, found)
    await _check_flow(session, version, request)
    if parts.machine.draining:
        raise Unavailable("The platform is being stopped and takes no new attempts.")
    row = _workload(parts, version, run, await _priority(session, version, request), at)
    session.add(row)
    await session.flush()
    session.add(TransitionRow(workload_id=row.id, status=row.status, at=at, actor=caller.name, reason=None))
    attempt = _attempt(run, row, await session.get(AgentRow, caller.subject_id), request)
    session.add(attempt)
    await session.flush()
    await _cluster(session, parts, version, row, caller)
    return await workload_views.attempt(session, attempt)


async def _version(session: AsyncSession, caller: Caller, request: AttemptRequest) -> FlowVersionRow:
    version = await session.get(FlowVersionRow, request.flow_version_id)
    if version is None or version.project_id != caller.project_id:
        raise NotFound(
            f"Flow run {request.flow_run_name!r} asks for flow version {request.flow_version_id!r}, which "
            "this platform does not have in this project: it was registered with another installation or "
            "project, or deleted. Register the flow again here."
        )
    return version


async def _check_flow(session: AsyncSession, version: FlowVersionRow, request: AttemptRequest) -> None:
    """Nothing of a flow begins that goes or is gone. The row is held: a deletion begins after this."""
    flow = await session.get(FlowRow, version.flow_id, with_for_update={"read": True}, populate_existing=True)
    if flow is None or flow.deleting_at is not None or flow.deleted_at is not None:
        raise NotFound(
            f"Flow run {request.flow_run_name!r} is one of flow {flow.name if flow else version.flow_id!r}, "
            "which was deleted: register the flow again to run it."
        )


async def _run(
    session: AsyncSession, version: FlowVersionRow, request: AttemptRequest, at: datetime
) -> RunRow:
    run = await session.get(RunRow, request.flow_run_id, with_for_update=True, populate_existing=True)
    if run is None:
        run = RunRow(
            id=request.flow_run_id,
            project_id=version.project_id,
            flow_id=version.flow_id,
            version_id=version.id,
            deployment_name=await _deployment_name(session, version, request),
            name=request.flow_run_name,
            parent_run_id=request.parent_flow_run_id,
            started_by=request.started_by,
            attempts=0,
            created_at=at,
        )
        session.add(run)
        await session.flush()
    if run.project_id != version.project_id:
        raise NotFound(f"Flow run {request.flow_run_id!r} is not one of this project.")
    return run


async def _deployment_name(
    session: AsyncSession, version: FlowVersionRow, request: AttemptRequest
) -> str | None:
    found: str | None = await session.scalar(
        select(DeploymentRow.name).where(
            DeploymentRow.flow_id == version.flow_id,
            DeploymentRow.prefect_deployment_id == request.prefect_deployment_id,
        )
    )
    return found


async def _priority(session: AsyncSession, version: FlowVersionRow, request: AttemptRequest) -> int:
    """One more than the open parent's, which may hold its room until this one is done."""
    if request.parent_flow_run_id is None:
        return 0
    found = await session.scalar(
        select(WorkloadRow.priority)
        .join(AttemptRow, AttemptRow.workload_id == WorkloadRow.id)
        .where(
            AttemptRow.run_id == request.parent_flow_run_id,
            AttemptRow.project_id == version.project_id,
            WorkloadRow.ended_at.is_(None),
        )
        .order_by(WorkloadRow.priority.desc())
        .limit(1)
    )
    return 0 if found is None else int(found) + 1


def _workload(parts: Parts, version: FlowVersionRow, run: RunRow, priority: int, at: datetime) -> WorkloadRow:
    settings = VersionSettings.model_validate(version.settings)
    needs = sizes.needs(parts, settings)
    return WorkloadRow(
        id=new_id("wl"),
        kind=WorkloadKind.RUN_ATTEMPT.value,
        project_id=version.project_id,
        target=Target.RUNNING.value,
        status=Status.QUEUED.value,
        cores=needs.cores,
        memory_bytes=needs.memory_bytes,
        grace_seconds=settings.grace_seconds,
        priority=priority,
        size=settings.size,
        gpu=None if needs.gpu is None else needs.gpu.model_dump(mode="json"),
        price_per_hour=sizes.price_per_hour(parts, settings.size),
        flow_id=run.flow_id,
        started_by=run.started_by,
        handle={},
        steps=[],
        created_at=at,
    )


async def _cluster(
    session: AsyncSession, parts: Parts, version: FlowVersionRow, row: WorkloadRow, caller: Caller
) -> None:
    """The Dask cluster of an attempt, where its version asks for one: it begins with it, and ends with it."""
    spec = VersionSettings.model_validate(version.settings).dask
    if spec is None:
        return
    cluster = cluster_rows.new(
        parts,
        project_id=row.project_id,
        user_id=await cluster_rows.user_of_attempt(session, row),
        name=None,
        owner=ClusterOwner.ATTEMPT,
        owner_workload_id=row.id,
        spec=spec,
    )
    session.add(cluster)
    await session.flush()
    await clusters.start(session, parts, cluster, caller.name)


def _attempt(run: RunRow, row: WorkloadRow, agent: AgentRow | None, request: AttemptRequest) -> AttemptRow:
    """The next attempt of a run, whose row it takes over: what was said of the last one is over."""
    run.attempts += 1
    run.version_id = request.flow_version_id
    run.status, run.prefect_state = Status.QUEUED.value, "Pending"
    run.reason = run.ended_at = None
    return AttemptRow(
        id=new_id("at"),
        project_id=row.project_id,
        run_id=run.id,
        workload_id=row.id,
        version_id=request.flow_version_id,
        agent_id=agent.id if agent else None,
        number=run.attempts,
        pending_state_id=request.pending_state_id,
        orchestrator_url=agent.orchestrator_url if agent else None,
        orchestrator_secret=agent.orchestrator_secret if agent else None,
        expected_start=request.expected_start,
    )


async def show(parts: Parts, caller: Caller, attempt_id: str) -> Attempt:
    async with parts.database.reader() as session:
        return await workload_views.attempt(session, await _own(session, caller, attempt_id))


async def _own(session: AsyncSession, caller: Caller, attempt_id: str) -> AttemptRow:
    row = await session.get(AttemptRow, attempt_id)
    if row is None:
        raise NotFound(f"There is no attempt {attempt_id!r}, or it is not yours to see.")
    await projects.reachable(session, caller, row.project_id)
    return row


async def _locked(
    session: AsyncSession, parts: Parts, caller: Caller, attempt_id: str
) -> tuple[AttemptRow, WorkloadRow]:
    """The attempt with its workload, locked, for an agent that is to end it.

    Raises:
        ForeignAttempt: its run stands in a Prefect that this agent does not talk to, and another does.
    """
    attempt = await _own(session, caller, attempt_id)
    if not (await prefect_access.sharing(session, parts, attempt.project_id)).gives(
        caller.subject_id, attempt
    ):
        raise ForeignAttempt(
            f"Attempt {attempt_id} was taken from another Prefect than agent {caller.name!r} talks to: it is "
            "left to the agents that talk to that one."
        )
    row = await workloads.locked(session, attempt.workload_id)
    if row is None:
        raise NotFound(f"Attempt {attempt_id!r} has no workload any more.")
    await session.refresh(attempt)  # settled by another agent while this one waited for the row
    return attempt, row


async def settle(parts: Parts, caller: Caller, attempt_id: str, request: Settlement) -> Attempt:
    """What Prefect says of an ended attempt. A final status that it has already stays.

    Raises:
        Conflict: its processes still run, or it was settled as something else.
        ForeignAttempt: the calling agent does not talk to the Prefect that has the run.
        UsageError: the settlement contradicts itself.
    """
    settlement.check(request)
    async with parts.database.session() as session:
        attempt, row = await _locked(session, parts, caller, attempt_id)
        if row.ended_at is None:
            raise Conflict(
                f"Attempt {attempt_id} is {row.status} and its processes have not ended: settle it when "
                "it is listed as unsettled.",
                status=row.status,
            )
        if attempt.settled_at is None:
            reason = request.reason or (row.end or {}).get("reason")
            await ends.settle(
                session,
                row,
                attempt,
                request.status,
                request.prefect_state_type,
                request.prefect_state,
                reason,
                caller.name,
                parts.clock.now(),
            )
        view = await workload_views.attempt(session, attempt)
    workloads.tell(parts, attempt.project_id)
    return view


async def cancel(parts: Parts, caller: Caller, attempt_id: str, request: CancelRequest) -> Attempt:
    """Prefect cancels this attempt, an agent says. No-op for one that has ended.

    Raises:
        ForeignAttempt: the calling agent does not talk to the Prefect that has the run.
    """
    async with parts.database.session() as session:
        attempt, row = await _locked(session, parts, caller, attempt_id)
        if Status(row.status) not in FINAL:
            workloads.ask_to_stop(row, BY_PREFECT, request.reason)
        view = await workload_views.attempt(session, attempt)
    workloads.tell(parts, attempt.project_id)
    return view
