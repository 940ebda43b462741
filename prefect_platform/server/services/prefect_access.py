"""Which Prefect an agent and its runs talk to, and what opens it: the one place that knows.

An agent may have a Prefect of its own; all others talk to that of their project. Every secret that opens one
goes into the ledger of the workload that is given it. A run that such an agent took stands in the agent's
Prefect, of which the project's knows nothing: that one is left to the agent.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from prefect_platform.server.config import OrchestratorSettings
from prefect_platform.server.db.tables import AttemptRow, ProjectRow, ResourceRow, RunRow, WorkloadRow
from prefect_platform.server.services import orchestrators, secret_grants
from prefect_platform.server.services.parts import Parts
from prefect_platform.wire.agent_spec import AgentSpec
from prefect_platform.wire.launch import PrivateFile
from prefect_platform.wire.orchestrators import pages as pages_of
from prefect_platform.wire.resources import ResourceKind

PROFILES = "prefect/profiles.toml"
"""Where a program finds what opens its Prefect, in its own directory."""


async def of_run(
    session: AsyncSession, parts: Parts, row: WorkloadRow, agent_id: str | None
) -> OrchestratorSettings:
    """What a run is told that this agent has picked up.

    Raises:
        SecretUnavailable: the secret that opens it cannot be given to it.
    """
    resource = await session.get(ResourceRow, agent_id) if agent_id else None
    if resource is None or resource.kind != ResourceKind.PREFECT_AGENT:
        return await of_project(session, parts, row)
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
    elsewhere = _own_address(spec, theirs)
    if spec.prefect_secret is None and elsewhere is None:
        return await of_project(session, parts, row)
    # What opens the installation's Prefect is sent to no other.
    found = replace(theirs, auth_string=None, api_key=None)
    if elsewhere is not None:
        found = OrchestratorSettings(url=elsewhere)
    if spec.prefect_secret is not None:
        await secret_grants.give_one(session, parts, row, spec.prefect_secret)
    return await orchestrators.signed_in(session, parts, project, found, spec.prefect_secret)


async def of_project(session: AsyncSession, parts: Parts, row: WorkloadRow) -> OrchestratorSettings:
    """What a workload is told that talks to the Prefect of its project.

    Raises:
        SecretUnavailable: the secret that opens it cannot be given to it.
    """
    project = await session.get_one(ProjectRow, row.project_id)
    if project.orchestrator_secret is not None:
        await secret_grants.give_one(session, parts, row, project.orchestrator_secret)
    return await orchestrators.settings(session, parts, project)


def profiles(prefect: OrchestratorSettings) -> list[PrivateFile]:
    """Prefect's own file of profiles with what opens it, if anything has to: neither the environment nor a
    command line shows the secret."""
    name, secret = "PREFECT_API_KEY", prefect.api_key
    if prefect.auth_string:
        name, secret = "PREFECT_API_AUTH_STRING", prefect.auth_string
    if secret is None:
        return []
    text = f'active = "platform"\n\n[profiles.platform]\n{name} = {json.dumps(secret)}\n'
    return [PrivateFile(PROFILES, text)]


async def agents_elsewhere(
    session: AsyncSession, parts: Parts, project_ids: Collection[str]
) -> dict[str | None, str]:
    """The agents of these projects that have another Prefect than their project, with its address.

    One that is gone is left out: what it has left behind counts as the project's.
    """
    found = await session.execute(
        select(ResourceRow.id, ResourceRow.spec, ProjectRow)
        .join(ProjectRow, ProjectRow.id == ResourceRow.project_id)
        .where(
            ResourceRow.project_id.in_(project_ids),
            ResourceRow.kind == ResourceKind.PREFECT_AGENT.value,
            ResourceRow.deleted_at.is_(None),
        )
    )
    return {key: address for key, spec, project in found if (address := _address(parts, project, spec))}


async def runs_elsewhere(
    session: AsyncSession, parts: Parts, rows: Sequence[RunRow], *, gone: bool = False
) -> dict[str, str]:
    """Those of these runs that stand in another Prefect than their project's, with its address.

    Runs of an agent that is gone are left out, unless `gone`.
    """
    taken = [row.id for row in rows if row.attempts]
    if not taken:
        return {}
    statement = (
        select(AttemptRow.run_id, ResourceRow.spec, ProjectRow)
        .join(ResourceRow, ResourceRow.id == AttemptRow.agent_id)
        .join(ProjectRow, ProjectRow.id == ResourceRow.project_id)
        .where(AttemptRow.run_id.in_(taken), ResourceRow.kind == ResourceKind.PREFECT_AGENT.value)
    )
    if not gone:
        statement = statement.where(ResourceRow.deleted_at.is_(None))
    found = await session.execute(statement)
    return {key: address for key, spec, project in found if (address := _address(parts, project, spec))}


async def pages(session: AsyncSession, parts: Parts, rows: Sequence[RunRow]) -> dict[str, str]:
    """What stands before the address of a page in the UI of the Prefect that has a run, by run."""
    theirs = await orchestrators.pages(session, parts, {row.project_id for row in rows})
    elsewhere = await runs_elsewhere(session, parts, rows, gone=True)
    return {
        row.id: pages_of(elsewhere[row.id]) if row.id in elsewhere else theirs[row.project_id] for row in rows
    }


def _address(parts: Parts, project: ProjectRow, spec: dict[str, Any]) -> str | None:
    return _own_address(AgentSpec.model_validate(spec), orchestrators.shown(parts, project))


def _own_address(spec: AgentSpec, theirs: OrchestratorSettings) -> str | None:
    """Where such an agent talks to, if that is not the Prefect of its project."""
    own = spec.prefect_api_url
    return None if own is None or own == theirs.url.rstrip("/") else own
