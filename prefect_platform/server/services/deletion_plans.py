"""What deleting a flow would do, told before anything is touched."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from prefect_platform.errors import NotFound, OrchestratorUnavailable
from prefect_platform.server.db.tables import (
    DeploymentRow,
    EnvironmentRow,
    FlowRow,
    FlowVersionRow,
    RunRow,
)
from prefect_platform.server.services import bundles, deletions, flows, orchestrators, projects, waiting
from prefect_platform.server.services.callers import Caller
from prefect_platform.server.services.deletion_steps import schedule_words
from prefect_platform.server.services.orchestrator import Orchestrator
from prefect_platform.server.services.parts import Parts
from prefect_platform.wire.deletions import DeletionPlan, DoomedBundle, DoomedDeployment, OpenRun
from prefect_platform.wire.environments import EnvironmentSpec

MAX_OPEN_RUNS = 100


async def plan(parts: Parts, caller: Caller, flow_id: str) -> DeletionPlan:
    """All that goes, ends and stays. What Prefect has to say is left out while it does not answer.

    Raises:
        NotFound: there is no such flow.
    """
    async with parts.database.reader() as session:
        project_id = (await flows.find(session, caller, flow_id)).project_id
        found = await deletions.open_runs(session, flow_id)
        rows = await session.scalars(
            select(DeploymentRow).where(DeploymentRow.flow_id == flow_id).order_by(DeploymentRow.name)
        )
        held = rows.all()
    await waiting.refresh(parts, found)
    deployments, problem = await _in_prefect(parts, project_id, held)
    async with parts.database.reader() as session:
        flow = await flows.find(session, caller, flow_id)
        return await _plan(session, parts, flow, deployments, problem)


async def _in_prefect(
    parts: Parts, project_id: str, rows: Sequence[DeploymentRow]
) -> tuple[list[DoomedDeployment], str | None]:
    """The deployments with what hangs on them, and why that is not known."""
    found, problem = [], None
    for row in rows:
        schedules: list[str] = []
        automations: list[str] = []
        if problem is None:
            try:
                prefect = await orchestrators.of(parts, project_id)
                schedules, automations = await _hanging_on(prefect, row.prefect_deployment_id)
            except OrchestratorUnavailable as error:
                problem = error.message
        found.append(
            DoomedDeployment(
                name=row.name, prefect_deployment_id=row.prefect_deployment_id,
                schedules=schedules, automations=automations,
            )
        )  # fmt: skip
    return found, problem


async def _hanging_on(prefect: Orchestrator, deployment_id: str) -> tuple[list[str], list[str]]:
    try:
        schedules = await prefect.list_schedules(deployment_id)
    except NotFound:  # deleted in Prefect by hand
        schedules = []
    return [schedule_words(one) for one in schedules], await prefect.list_automations(deployment_id)


async def _plan(
    session: AsyncSession,
    parts: Parts,
    flow: FlowRow,
    deployments: list[DoomedDeployment],
    problem: str | None,
) -> DeletionPlan:
    names = await projects.names(session, [flow.project_id])
    doomed = await bundles.unused_of(session, flow.id, gone=True)
    runs = await deletions.open_runs(session, flow.id)
    return DeletionPlan(
        flow_id=flow.id,
        flow_name=flow.name,
        project=names[flow.project_id],
        deployments=deployments,
        versions=await _count(session, FlowVersionRow, flow.id),
        bundles=[DoomedBundle(code_digest=row.code_digest, size=row.size) for row in doomed],
        secrets=await _secrets(session, flow.id),
        open_runs=[
            OpenRun(id=run.id, name=run.name, status=deletions.run_words(run)) for run in runs[:MAX_OPEN_RUNS]
        ],
        open_run_count=len(runs),
        runs_kept=await _count(session, RunRow, flow.id),
        run_days=parts.config.retention.run_days,
        log_days=parts.config.retention.log_days,
        problem=problem,
    )


async def _count(session: AsyncSession, kind: type[FlowVersionRow | RunRow], flow_id: str) -> int:
    found = select(func.count()).select_from(kind).where(kind.flow_id == flow_id)
    return (await session.scalars(found)).one()


async def _secrets(session: AsyncSession, flow_id: str) -> list[str]:
    """Secrets that any version of a flow attaches."""
    marks = select(
        FlowVersionRow.settings["environment"].as_string(),
        FlowVersionRow.settings["source_secret"].as_string(),
        FlowVersionRow.project_id,
    ).where(FlowVersionRow.flow_id == flow_id)
    found = set((await session.execute(marks.distinct())).tuples())
    names = {source for _, source, _ in found if source}
    environments = await session.scalars(
        select(EnvironmentRow).where(
            EnvironmentRow.project_id.in_({project for *_, project in found}),
            EnvironmentRow.fingerprint.in_({mark for mark, *_ in found if mark}),
        )
    )
    for row in environments:
        names |= {one.secret for one in EnvironmentSpec.model_validate(row.content).secrets}
    return sorted(names)
