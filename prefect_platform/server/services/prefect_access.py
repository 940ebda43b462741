"""Which Prefect an agent and its runs talk to, and what opens it: the one place that knows.

An agent may have a Prefect of its own; all others talk to that of their project. Every secret that opens one
goes into the ledger of the workload that is given it.
"""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy.ext.asyncio import AsyncSession

from prefect_platform.server.config import OrchestratorSettings
from prefect_platform.server.db.tables import ProjectRow, ResourceRow, WorkloadRow
from prefect_platform.server.services import orchestrators, secret_grants
from prefect_platform.server.services.parts import Parts
from prefect_platform.wire.agent_spec import AgentSpec
from prefect_platform.wire.resources import ResourceKind


async def of_run(
    session: AsyncSession, parts: Parts, row: WorkloadRow, agent_id: str | None
) -> OrchestratorSettings:
    """What a run is told that this agent has picked up.

    Raises:
        SecretUnavailable: the secret that opens it cannot be given to it.
    """
    resource = await session.get(ResourceRow, agent_id) if agent_id else None
    if resource is None or resource.kind != ResourceKind.PREFECT_AGENT:
        return await _of_project(session, parts, row)
    return await of_agent(session, parts, row, AgentSpec.model_validate(resource.spec))


async def of_agent(
    session: AsyncSession, parts: Parts, row: WorkloadRow, spec: AgentSpec
) -> OrchestratorSettings:
    """What a workload is told that talks to the Prefect of such an agent.

    Raises:
        SecretUnavailable: the secret that opens it cannot be given to it.
    """
    project = await session.get_one(ProjectRow, row.project_id)
    theirs = orchestrators.shown(parts, project)
    elsewhere = spec.prefect_api_url is not None and spec.prefect_api_url != theirs.url
    if spec.prefect_secret is None and not elsewhere:
        return await _of_project(session, parts, row)
    # What opens the installation's Prefect is sent to no other.
    found = replace(theirs, auth_string=None, api_key=None)
    if spec.prefect_api_url is not None and elsewhere:
        found = OrchestratorSettings(url=spec.prefect_api_url)
    if spec.prefect_secret is not None:
        await secret_grants.give_one(session, parts, row, spec.prefect_secret)
    return await orchestrators.signed_in(session, parts, project, found, spec.prefect_secret)


async def _of_project(session: AsyncSession, parts: Parts, row: WorkloadRow) -> OrchestratorSettings:
    project = await session.get_one(ProjectRow, row.project_id)
    if project.orchestrator_secret is not None:
        await secret_grants.give_one(session, parts, row, project.orchestrator_secret)
    return await orchestrators.settings(session, parts, project)
