"""What the launchers of schedulers and workers are told.

A cluster of an attempt runs what the attempt runs: the same code, environment, variables and secrets, so that
whatever the flow's tasks find there they find on a worker. That of a person runs their interpreter.
"""

from __future__ import annotations

import json
from dataclasses import replace

from sqlalchemy.ext.asyncio import AsyncSession

from prefect_platform.errors import Conflict, InternalError
from prefect_platform.server.db.tables import ClusterRow, ProjectRow, WorkloadRow
from prefect_platform.server.services import (
    cluster_moves,
    cluster_tls,
    environments,
    launch_specs,
    prefect_access,
    run_environments,
    secret_grants,
    workloads,
)
from prefect_platform.server.services.parts import Parts
from prefect_platform.wire.dask_spec import DaskSpec
from prefect_platform.wire.flows import PythonInfo
from prefect_platform.wire.launch import LaunchSpec, LogSettings, PrivateFile, Program
from prefect_platform.wire.sizes import GpuRequest

MODULE = "prefect_platform.dask_cluster.{part}"
CERTIFICATE, KEY, ORDERS = "dask/cluster.pem", "dask/cluster.key", "dask/member.json"


async def build(session: AsyncSession, parts: Parts, row: WorkloadRow, token: str) -> LaunchSpec:
    """Everything that the launcher of a member is told. `token` is the user code's of this member."""
    cluster = await session.get(ClusterRow, row.cluster_id)
    if cluster is None:
        raise InternalError(f"Workload {row.id} is a member of no cluster.")
    program = _program(parts, cluster, row)
    if cluster.python is None:
        return await _of_attempt(session, parts, cluster, row, token, program)
    return await _of_person(session, parts, cluster, row, token, program)


async def _of_attempt(
    session: AsyncSession,
    parts: Parts,
    cluster: ClusterRow,
    row: WorkloadRow,
    token: str,
    program: Program,
) -> LaunchSpec:
    owner = str(cluster.owner_workload_id)
    attempt, version = await workloads.attempt_of(session, owner), await workloads.version_of(session, owner)
    if attempt is None or version is None:
        raise Conflict(f"The run of cluster {cluster.name!r} is gone: there is nothing to launch.")
    spec = await launch_specs.build(session, parts, row, attempt, version, token)
    wanted = spec.wanted
    if wanted is not None and row.cluster_number == 0:
        wanted = replace(wanted, start_script=None)  # it runs no task
    return replace(spec, attempt_id=None, flow_run=None, program=program, wanted=wanted, timeout_seconds=None)


async def _of_person(
    session: AsyncSession,
    parts: Parts,
    cluster: ClusterRow,
    row: WorkloadRow,
    token: str,
    program: Program,
) -> LaunchSpec:
    project = await session.get_one(ProjectRow, row.project_id)
    python = PythonInfo.model_validate(cluster.python)
    prefect = await prefect_access.of_project(session, parts, row)
    mark = cluster.environment
    stored = await environments.find(session, row.project_id, mark) if mark else None
    grant = await secret_grants.give(session, parts, row, stored.secrets if stored else [])
    given = launch_specs.environment(parts.config, prefect, parts.installation_id, project.name, token)
    return LaunchSpec(
        workload_id=row.id,
        attempt_id=None,
        interpreter=python.executable,
        python_version=python.version,
        environment={
            **(stored.variables if stored else {}),
            **grant.variables,
            **given,
            launch_specs.DASK: "1",
        },
        secrets=[token, *launch_specs.credentials(prefect), *grant.values],
        flow_run=None,
        bundle=None,
        grace_seconds=row.grace_seconds,
        memory_bytes=row.memory_bytes,
        log=LogSettings(cap_bytes=parts.config.limits.log_cap_bytes),
        shared_directory=str(parts.config.data_dir / "shared"),
        attached_secrets=grant.attached,
        secret_files=grant.files,
        wanted=run_environments.wanted(stored, mark, strict=False) if stored and mark else None,
        builder=run_environments.builder(parts.config.environments),
        size=row.size,
        cores=row.cores,
        gpu=launch_specs.gpus_asked(row),
        visible_gpus=launch_specs.visible_gpus(row, parts.machine),
        program=program,
    )


def _program(parts: Parts, cluster: ClusterRow, row: WorkloadRow) -> Program:
    part = "worker" if row.cluster_number else "scheduler"
    name = cluster_moves.member_name(row)
    found = cluster_tls.opened(parts.keyring, cluster)
    return Program(
        title=f"Dask {part} {name} of cluster {cluster.name!r}",
        arguments=["-m", MODULE.format(part=part), "{directory}", "{code}"],
        source=name,
        variables={"PYTHONUNBUFFERED": "1"},
        files=[
            PrivateFile(CERTIFICATE, found.certificate),
            PrivateFile(KEY, found.key),
            PrivateFile(ORDERS, json.dumps(_member(cluster, row, name))),
        ],
        modules=["distributed", "prefect_platform"],
    )


def _member(cluster: ClusterRow, row: WorkloadRow, name: str) -> dict[str, object]:
    """What a member is told of itself."""
    spec = DaskSpec.model_validate(cluster.spec)
    gpu = None if row.gpu is None else GpuRequest.model_validate(row.gpu)
    processes = spec.processes or (gpu.count if gpu is not None else 1)
    return {
        "name": name,
        "workload_id": row.id,
        "cluster": cluster.name,
        "processes": processes,
        "threads": spec.threads or max(1, int(row.cores) // processes),
        "memory_bytes": row.memory_bytes,
        "gpus": gpu.count if gpu is not None else 0,
        "idle_timeout_seconds": spec.idle_timeout_seconds,
    }
