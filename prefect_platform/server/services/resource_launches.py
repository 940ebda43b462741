"""The starts of a resource: a workload each, and what its launcher is told."""

from __future__ import annotations

import platform
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from prefect_platform.errors import InternalError
from prefect_platform.names import new_id
from prefect_platform.server.db.tables import ResourceRow, TransitionRow, UserRow, WorkloadRow
from prefect_platform.server.services import run_environments, sizes
from prefect_platform.server.services.kinds import kind_of
from prefect_platform.server.services.launch_specs import gpus_asked, visible_gpus
from prefect_platform.server.services.parts import Parts
from prefect_platform.wire.launch import LaunchSpec, LogSettings
from prefect_platform.wire.runs import Status, Target


async def begin(
    session: AsyncSession, parts: Parts, resource: ResourceRow, actor: str, at: datetime
) -> WorkloadRow:
    """A new start of a locked resource, which waits for room from now on.

    Raises:
        NotFound, UsageError, Unavailable: its size cannot be had.
    """
    kind = kind_of(resource.kind)
    needs, size = kind.needs(parts, resource.spec), resource.spec.get("size")
    owner = await session.get(UserRow, resource.owner_id)
    row = WorkloadRow(
        id=new_id("wl"),
        kind=kind.workload.value,
        project_id=resource.project_id,
        resource_id=resource.id,
        target=Target.RUNNING.value,
        status=Status.QUEUED.value,
        cores=needs.cores,
        memory_bytes=needs.memory_bytes,
        grace_seconds=kind.grace_seconds,
        priority=kind.priority,
        size=size,
        price_per_hour=sizes.price_per_hour(parts, size),
        started_by=owner.name if owner is not None else None,
        gpu=None if needs.gpu is None else needs.gpu.model_dump(mode="json"),
        handle={},
        steps=[],
        created_at=at,
    )
    session.add(row)
    await session.flush()
    session.add(TransitionRow(workload_id=row.id, status=row.status, at=at, actor=actor, reason=None))
    resource.workload_id, resource.workload_digest = row.id, resource.spec_digest
    resource.next_start_at = None
    return row


async def build(session: AsyncSession, parts: Parts, row: WorkloadRow, token: str) -> LaunchSpec:
    """Everything that the launcher of a start is told."""
    resource = await session.get(ResourceRow, row.resource_id)
    if resource is None:
        raise InternalError(f"Workload {row.id} is a start of no resource.")
    found = await kind_of(resource.kind).launch(session, parts, resource, row, token)
    return LaunchSpec(
        workload_id=row.id,
        attempt_id=None,
        interpreter=found.interpreter,
        python_version=platform.python_version(),
        environment=found.variables,
        secrets=[token, *found.secrets],
        flow_run=None,
        bundle=None,
        grace_seconds=row.grace_seconds,
        memory_bytes=row.memory_bytes,
        log=LogSettings(cap_bytes=parts.config.limits.log_cap_bytes),
        shared_directory=str(parts.config.data_dir / "shared"),
        attached_secrets=found.attached,
        secret_files=found.secret_files,
        wanted=found.wanted,
        builder=run_environments.builder(parts.config.environments),
        size=row.size,
        cores=row.cores,
        gpu=gpus_asked(row),
        visible_gpus=visible_gpus(row, parts.machine),
        program=found.program,
    )
