"""Which Prefect an agent and its runs talk to, and what opens it: the one place that knows.

An agent may have a Prefect of its own; all others talk to the installation's.
"""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from prefect_platform.server.config import OrchestratorSettings
from prefect_platform.server.db.tables import ResourceRow, WorkloadRow
from prefect_platform.server.services import secret_grants
from prefect_platform.server.services.parts import Parts
from prefect_platform.wire.agent_spec import AgentSpec
from prefect_platform.wire.resources import ResourceKind


async def of_run(
    session: AsyncSession, parts: Parts, row: WorkloadRow, agent_id: str | None
) -> OrchestratorSettings:
    """What a run is told that this agent has picked up.

    Raises:
        SecretUnavailable: the agent's secret cannot be given to it.
    """
    resource = await session.get(ResourceRow, agent_id) if agent_id else None
    if resource is None or resource.kind != ResourceKind.PREFECT_AGENT:
        return parts.config.orchestrator
    return await of_agent(session, parts, row, AgentSpec.model_validate(resource.spec))


async def of_agent(
    session: AsyncSession, parts: Parts, row: WorkloadRow, spec: AgentSpec
) -> OrchestratorSettings:
    """What a workload is told that talks to the Prefect of such an agent. Its secret goes into the ledger.

    Raises:
        SecretUnavailable: the agent's secret cannot be given to it.
    """
    ours = parts.config.orchestrator
    elsewhere = spec.prefect_api_url is not None and spec.prefect_api_url != ours.url
    if spec.prefect_secret is None and not elsewhere:
        return ours
    secret = None
    if spec.prefect_secret is not None:
        secret = (await secret_grants.give_one(session, parts, row, spec.prefect_secret)).strip()
    by_password = secret is not None and ":" in secret
    return OrchestratorSettings(
        url=spec.prefect_api_url or ours.url,
        ui_url=None if elsewhere else ours.ui_url,
        auth_string=secret if by_password else None,
        api_key=None if by_password else secret,
    )
