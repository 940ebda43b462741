"""`LaunchSpec`: everything that a launcher is told, built from the version and the settings.

What a run inherits is decided here and nowhere else. Every secret that goes into the environment is
also named in `secrets`, so that the launcher keeps it out of the logs.
"""

from __future__ import annotations

import base64

from sqlalchemy.ext.asyncio import AsyncSession

from prefect_platform.errors import Conflict, InternalError
from prefect_platform.names import RESULTS_BLOCK, results_block_name
from prefect_platform.server.config import OrchestratorSettings, ServerConfig
from prefect_platform.server.db.tables import AttemptRow, BundleRow, FlowVersionRow, ProjectRow, WorkloadRow
from prefect_platform.server.services import (
    environments,
    git_sources,
    prefect_access,
    run_environments,
    run_options,
    secret_grants,
)
from prefect_platform.server.services.machine import Machine
from prefect_platform.server.services.parts import Parts
from prefect_platform.wire import gpus
from prefect_platform.wire.flows import BUNDLED, Code, CodeKind, VersionSettings
from prefect_platform.wire.launch import (
    RESULT_STORAGE,
    Bundle,
    FlowRun,
    GpusAsked,
    LaunchSpec,
    LogSettings,
)
from prefect_platform.wire.orchestrators import CLOUD_SETTING, cloud_api_url
from prefect_platform.wire.secrets import MASKABLE_CHARACTERS
from prefect_platform.wire.sizes import GpuRequest

DASK = "PREFECT_PLATFORM_DASK"
"""Variable that tells code that there is a Dask cluster for it."""
PREFECT_LOG_SECONDS = 0.2
"""How often a run sends its records to Prefect, for who reads them in Prefect's own page."""


async def build(
    session: AsyncSession,
    parts: Parts,
    row: WorkloadRow,
    attempt: AttemptRow,
    version: FlowVersionRow,
    token: str,
) -> LaunchSpec:
    """The spec of one attempt. `token` is the user code's, and goes into its environment."""
    code, settings = Code.model_validate(version.code), VersionSettings.model_validate(version.settings)
    project = await session.get(ProjectRow, row.project_id)
    if project is None:
        raise InternalError(f"Workload {row.id} belongs to no project.")
    orchestrator = await prefect_access.of_workload(
        session, parts, row, attempt.orchestrator_url, attempt.orchestrator_secret
    )
    grant = await secret_grants.give(session, parts, row, await secret_grants.attached(session, version))
    mark = settings.environment
    stored = await environments.find(session, row.project_id, mark) if mark else None
    git = await git_sources.source(session, parts, row, version)
    return LaunchSpec(
        workload_id=row.id,
        attempt_id=attempt.id,
        interpreter=settings.python.executable,
        python_version=settings.python.version,
        # What the platform sets counts more: a run that looked elsewhere for it could not report.
        environment={
            **(stored.variables if stored else {}),
            **grant.variables,
            **environment(parts.config, orchestrator, parts.installation_id, project.name, token),
            **({DASK: "1"} if settings.dask is not None else {}),
        },
        secrets=[token, *credentials(orchestrator), *grant.values, *git_sources.to_mask(git)],
        flow_run=FlowRun(
            id=attempt.run_id,
            api_url=orchestrator.url,
            entrypoint=code.entrypoint,
            authorization=authorization(orchestrator),
            pulled=code.kind is CodeKind.STORAGE,
        ),
        bundle=await _bundle(session, version, code),
        grace_seconds=row.grace_seconds,
        memory_bytes=row.memory_bytes,
        log=LogSettings(cap_bytes=parts.config.limits.log_cap_bytes),
        shared_directory=str(parts.config.data_dir / "shared"),
        attached_secrets=grant.attached,
        secret_files=grant.files,
        wanted=run_environments.wanted(stored, mark, strict=settings.strict) if stored and mark else None,
        builder=run_environments.builder(parts.config.environments),
        size=row.size,
        cores=row.cores,
        gpu=gpus_asked(row),
        visible_gpus=visible_gpus(row, parts.machine),
        timeout_seconds=run_options.timeout(settings),
        git=git,
    )


def gpus_asked(row: WorkloadRow) -> GpusAsked | None:
    """What the launcher has to find before user code runs."""
    if row.gpu is None:
        return None
    request = GpuRequest.model_validate(row.gpu)
    return GpusAsked(gpus.words(request), row.gpus or [], **request.model_dump())


def visible_gpus(row: WorkloadRow, machine: Machine) -> str | None:
    """The devices that were given, and no others. A run that was given none on a machine that has some is
    shown none: `-1` rather than nothing, which some programs take for "not said"."""
    if row.gpus:
        return ",".join(row.gpus)
    return "-1" if machine.bounded and machine.gpus else None


def environment(
    config: ServerConfig, orchestrator: OrchestratorSettings, installation_id: str, project: str, token: str
) -> dict[str, str]:
    """Variables of the engine, which talks to this Prefect.

    Results are kept by the platform, for every run of the project on any machine. A launcher whose
    interpreter has no way to them takes that variable out: then they stay in a place of the project here.
    """
    found = {
        "PREFECT_API_URL": orchestrator.url,
        "PREFECT_UI_URL": orchestrator.pages,
        "PREFECT_HOME": str(config.data_dir / "prefect-runs"),
        RESULT_STORAGE: f"{RESULTS_BLOCK}/{results_block_name(installation_id, project)}",
        "PREFECT_RESULTS_LOCAL_STORAGE_PATH": str(config.data_dir / "results" / project),
        "PREFECT_LOGGING_TO_API_BATCH_INTERVAL": str(PREFECT_LOG_SECONDS),
        "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false",
        "DO_NOT_TRACK": "1",
        "PREFECT_PLATFORM_URL": config.public_url,
        "PREFECT_PLATFORM_PROJECT": project,
        "PREFECT_PLATFORM_TOKEN": token,
    }
    if orchestrator.auth_string:
        found["PREFECT_API_AUTH_STRING"] = orchestrator.auth_string
    if orchestrator.api_key:
        found["PREFECT_API_KEY"] = orchestrator.api_key
    if cloud := cloud_api_url(orchestrator.url):
        found[CLOUD_SETTING] = cloud
    return found


def authorization(orchestrator: OrchestratorSettings) -> str | None:
    """The Authorization header for the Prefect API, if it wants one."""
    if orchestrator.auth_string:
        return f"Basic {base64.b64encode(orchestrator.auth_string.encode()).decode()}"
    return f"Bearer {orchestrator.api_key}" if orchestrator.api_key else None


def credentials(orchestrator: OrchestratorSettings) -> list[str]:
    """What opens a Prefect, in each form in which it travels: no log may show it."""
    found = []
    if orchestrator.auth_string:
        found += [orchestrator.auth_string, base64.b64encode(orchestrator.auth_string.encode()).decode()]
        password = orchestrator.auth_string.partition(":")[2]
        found += [password] if len(password) >= MASKABLE_CHARACTERS else []
    if orchestrator.api_key:
        found.append(orchestrator.api_key)
    return found


async def _bundle(session: AsyncSession, version: FlowVersionRow, code: Code) -> Bundle | None:
    if code.kind not in BUNDLED:
        return None
    row = await session.get(BundleRow, (version.project_id, version.code_digest))
    if row is None:
        raise Conflict(f"The code of flow version {version.id} was never uploaded: register the flow again.")
    return Bundle(path=f"/api/v1/flow-versions/{version.id}/bundle", sha256=row.sha256, size=row.size)
