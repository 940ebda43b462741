"""Registration: a flow's identity, its version, and the deployment that Prefect holds of it.

First `register`, then the bundle's bytes, then Prefect (the client writes that), then `confirm`. Each
step may be repeated; what was left half-done is repaired by running all of it again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from typing import TypeVar

from sqlalchemy import delete, exists, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from prefect_platform.errors import Conflict, NotFound, RegistrationError, UsageError, foreign
from prefect_platform.names import new_id
from prefect_platform.server.db.tables import DeploymentRow, FlowRow, FlowVersionRow, ProjectRow, RunRow
from prefect_platform.server.services import (
    bundles,
    clusters,
    environments,
    flows,
    git_sources,
    projects,
    run_options,
    secret_grants,
    sizes,
    version_changes,
    versions,
    work_pools,
)
from prefect_platform.server.services.callers import Caller
from prefect_platform.server.services.parts import Parts
from prefect_platform.wire.flows import ConfirmRequest, Flow, RegisterAnswer, RegisterRequest, VersionStatus

UNCONFIRMED = timedelta(days=1)
"""How long a version may wait for its deployment before it is reaped."""

_TRIES = 5
"""Of registrations at the same moment the later one finds what the earlier made."""
Done = TypeVar("Done")


def identity(project: str, flow_name: str, orchestrator_url: str) -> str:
    """Which flow this is: the same from any Python, notebook or machine."""
    return versions.canonical([project, flow_name, projects.orchestrator_key(orchestrator_url)])


async def register(
    parts: Parts, caller: Caller, project_name: str, request: RegisterRequest
) -> RegisterAnswer:
    """Find or make the flow and its version, and say what differs and what is still needed.

    Raises:
        RegistrationError: its size, its GPUs, its repository or its work pool cannot be had here.
        Conflict: the flow is being deleted.
    """
    sizes.check(parts, request.settings)
    _check_dask(parts, request)
    git_sources.check(parts, request.code, request.settings)
    answer = await _again(lambda: _register(parts, caller, project_name, request))
    missing = await bundles.missing(parts, answer.version)
    return answer.model_copy(update={"bundle_missing": missing})


def _check_dask(parts: Parts, request: RegisterRequest) -> None:
    if request.settings.dask is not None:
        try:
            clusters.check(parts, request.settings.dask)
        except UsageError as error:
            raise RegistrationError(f"dask: {error.message}") from None


async def _again(step: Callable[[], Awaitable[Done]]) -> Done:
    """Do a step that somebody else may do at the same moment; after that it finds what the other made."""
    for _ in range(_TRIES - 1):
        with suppress(IntegrityError):
            return await step()
    return await step()


async def _register(
    parts: Parts, caller: Caller, project_name: str, request: RegisterRequest
) -> RegisterAnswer:
    async with parts.database.session() as session:
        project = await projects.member(session, caller, project_name)
        await work_pools.check(session, parts, project, request.work_pool)
        request = await _with_environment(session, parts, caller, project, request)
        flow, flow_is_new = await _flow(session, parts, caller, project, request.flow_name)
        version, created = await versions.ensure(session, parts, caller, flow, request)
        await bundles.kept(session, parts, project.id, version.code_digest)
        if created:
            flow.updated_at = parts.clock.now()
        shown = (await flows.rendered(session, [flow]))[0]
        deployment = next((one for one in shown.deployments if one.name == request.deployment_name), None)
        previous = await version_changes.previous(session, version, deployment, created=created)
        return RegisterAnswer(
            flow=shown,
            version=(await versions.rendered(session, [version]))[0],
            created=created,
            bundle_missing=True,
            deployment=deployment,
            changes=await version_changes.changes(session, previous, version),
            notes=[
                *await version_changes.notes(session, flow, previous, request, flow_is_new=flow_is_new),
                *(await secret_grants.notes(session, project, request.environment)),
                *run_options.notes(parts, request.settings),
            ],
        )


async def _with_environment(
    session: AsyncSession, parts: Parts, caller: Caller, project: ProjectRow, request: RegisterRequest
) -> RegisterRequest:
    """The request with the fingerprint of its environment, which is the platform's to take."""
    spec, mark = request.environment, None
    await secret_grants.check(session, project, spec, request.settings.source_secret)
    if spec is not None:
        mark = await environments.ensure(session, parts, caller, project, spec)
    settings = request.settings.model_copy(update={"environment": mark})
    return request.model_copy(update={"settings": settings})


async def _flow(
    session: AsyncSession, parts: Parts, caller: Caller, project: ProjectRow, name: str
) -> tuple[FlowRow, bool]:
    mark = identity(project.name, name, project.orchestrator_url)
    found = await session.scalar(select(FlowRow).where(FlowRow.identity == mark).with_for_update())
    now = parts.clock.now()
    if found is not None:
        flows.check_stays(found)
        revived = found.deleted_at is not None
        found.deleted_at = None
        return found, revived
    row = FlowRow(
        id=new_id("fl"),
        project_id=project.id,
        identity=mark,
        name=name,
        owner_id=caller.user_id,
        created_at=now,
        updated_at=now,
    )
    session.add(row)
    await session.flush()
    return row, True


async def confirm(parts: Parts, caller: Caller, version_id: str, request: ConfirmRequest) -> Flow:
    """Note the deployment that Prefect now holds of a version, which makes the version ready.

    Raises:
        Conflict: the bundle of the version has not been uploaded, or the flow is being deleted: then its
            deletion takes along what Prefect holds of it now.
        NotFound: there is no such version, or not any more: the deletion of its flow is done, and whoever
            has told Prefect of it since takes that back.
    """
    try:
        shown = await versions.show(parts, caller, version_id)
        if await bundles.missing(parts, shown) and not await flows.goes(parts, shown.flow_id):
            raise Conflict(
                f"The code of version {version_id} has not been uploaded: run register again, which uploads "
                "what is missing."
            )
        return await _again(lambda: _confirm(parts, caller, version_id, request))
    except NotFound as error:
        raise NotFound(
            f"There is no version {foreign(version_id)!r} to confirm: a flow that is deleted while it is "
            "registered takes its versions along. Register it again, which brings it back."
        ) from error


async def _confirm(parts: Parts, caller: Caller, version_id: str, request: ConfirmRequest) -> Flow:
    async with parts.database.session() as session:
        version = await versions.find(session, caller, version_id)
        flow = await flows.find(session, caller, version.flow_id, write=True)
        await _write_deployment(session, parts, version, request)
        version.status = VersionStatus.READY.value
        flow.updated_at = parts.clock.now()
        await session.flush()
        told = (await flows.rendered(session, [flow]))[0]
    flows.check_stays(flow)
    return told


async def _write_deployment(
    session: AsyncSession, parts: Parts, version: FlowVersionRow, request: ConfirmRequest
) -> None:
    row = await session.scalar(
        select(DeploymentRow).where(
            DeploymentRow.flow_id == version.flow_id, DeploymentRow.name == request.deployment_name
        )
    )
    await _check_unclaimed(session, version, request.prefect_deployment_id)
    if row is None:
        row = DeploymentRow(id=new_id("dp"), flow_id=version.flow_id, name=request.deployment_name)
        session.add(row)
    row.version_id = version.id
    row.prefect_deployment_id = request.prefect_deployment_id
    row.prefect_flow_id = request.prefect_flow_id
    row.spec_digest = request.spec_digest
    row.updated_at = parts.clock.now()


async def _check_unclaimed(
    session: AsyncSession, version: FlowVersionRow, prefect_deployment_id: str
) -> None:
    """A deployment that another project holds is not started or deleted through this one."""
    other = await session.scalar(
        select(DeploymentRow.id)
        .join(FlowRow, FlowRow.id == DeploymentRow.flow_id)
        .where(
            DeploymentRow.prefect_deployment_id == prefect_deployment_id,
            FlowRow.project_id != version.project_id,
        )
        .limit(1)
    )
    if other is not None:
        raise Conflict(
            f"Prefect's deployment {prefect_deployment_id} belongs to another project of this platform: "
            "register the flow under another deployment name."
        )


async def reap(parts: Parts) -> int:
    """Remove versions that no deployment ever confirmed, and flows that are left with none.

    The number of versions removed. What a run or a deployment names stays.
    """
    before = parts.clock.now() - UNCONFIRMED
    async with parts.database.session() as session:
        gone = await session.scalars(
            delete(FlowVersionRow)
            .where(
                FlowVersionRow.status == VersionStatus.REGISTERING.value,
                FlowVersionRow.created_at < before,
                ~exists().where(DeploymentRow.version_id == FlowVersionRow.id),
                ~exists().where(RunRow.version_id == FlowVersionRow.id),
            )
            .returning(FlowVersionRow.id)
            .execution_options(synchronize_session=False)
        )
        count = len(gone.all())
        await session.execute(
            delete(FlowRow)
            .where(FlowRow.created_at < before, ~exists().where(FlowVersionRow.flow_id == FlowRow.id))
            .execution_options(synchronize_session=False)
        )
    return count
