"""Which Prefect an agent and its runs talk to, and what opens it: the one place that knows.

An agent may have a Prefect of its own; all others talk to that of their project. Every secret that opens one
goes into the ledger of the workload that is given it. A run that such an agent took stands in the agent's
Prefect, of which the project's knows nothing: that one is left to the agent. What an agent's start was told
stands with the agent, and from there with each attempt that it makes: a changed spec moves no run.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from prefect_platform.server.config import OrchestratorSettings
from prefect_platform.server.db.tables import (
    AgentRow,
    AttemptRow,
    ProjectRow,
    ResourceRow,
    RunRow,
    WorkloadRow,
)
from prefect_platform.server.services import orchestrators, secret_grants
from prefect_platform.server.services.parts import Parts
from prefect_platform.wire.launch import PrivateFile
from prefect_platform.wire.orchestrators import pages as pages_of

PROFILES = "prefect/profiles.toml"
"""Where a program finds what opens its Prefect, in its own directory."""


@dataclass(frozen=True)
class Sharing:
    """Which agents of a project an attempt may be left to."""

    theirs: str
    """Address of the project's Prefect."""
    agents: dict[str, str | None]
    """The Prefect of each agent that there is, None for the project's."""

    def gives(self, agent_id: str | None, attempt: AttemptRow) -> bool:
        """Whether this agent is to end it: its Prefect knows of the run. What stands in a Prefect that no
        agent talks to any more is anybody's to end."""
        address = _other(attempt.orchestrator_url, self.theirs)
        mine = self.agents.get(agent_id or "")
        return address == mine or (address is not None and address not in self.agents.values())


async def of_workload(
    session: AsyncSession, parts: Parts, row: WorkloadRow, url: str | None, secret: str | None
) -> OrchestratorSettings:
    """What a workload is told that talks to the Prefect of an agent, or to its project's where both are None.

    Raises:
        SecretUnavailable: the secret that opens it cannot be given to it.
    """
    project = await session.get_one(ProjectRow, row.project_id)
    theirs = orchestrators.shown(parts, project)
    elsewhere = _other(url, theirs.url)
    if secret is None and elsewhere is None:
        return await of_project(session, parts, row)
    # What opens the installation's Prefect is sent to no other.
    found = replace(theirs, auth_string=None, api_key=None)
    if elsewhere is not None:
        found = OrchestratorSettings(url=elsewhere)
    if secret is not None:
        await secret_grants.give_one(session, parts, row, secret)
    return await orchestrators.signed_in(session, parts, project, found, secret)


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


async def sharing(session: AsyncSession, parts: Parts, project_id: str) -> Sharing:
    """Who ends the attempts of a project."""
    project = await session.get_one(ProjectRow, project_id)
    theirs = orchestrators.shown(parts, project).url
    gone = select(ResourceRow.id).where(ResourceRow.id == AgentRow.id, ResourceRow.deleted_at.is_not(None))
    found = await session.execute(
        select(AgentRow.id, AgentRow.orchestrator_url).where(
            AgentRow.project_id == project_id, ~gone.exists()
        )
    )
    return Sharing(theirs, {key: _other(url, theirs) for key, url in found})


async def runs_elsewhere(
    session: AsyncSession, parts: Parts, run_ids: Collection[str], *, unserved: bool = False
) -> dict[str, str]:
    """Those of these runs that stand in another Prefect than their project's, with its address.

    Those in a Prefect that no agent talks to any more are left out, unless `unserved`.
    """
    if not run_ids:
        return {}
    found = await session.execute(
        select(AttemptRow.run_id, AttemptRow.orchestrator_url, AttemptRow.project_id).where(
            AttemptRow.run_id.in_(run_ids), AttemptRow.orchestrator_url.is_not(None)
        )
    )
    rows = found.all()
    shared = {
        project_id: await sharing(session, parts, project_id) for project_id in {row[2] for row in rows}
    }
    there = {}
    for run_id, url, project_id in rows:
        address = _other(url, shared[project_id].theirs)
        if address is not None and (unserved or address in shared[project_id].agents.values()):
            there[run_id] = address
    return there


async def pages(session: AsyncSession, parts: Parts, rows: Sequence[RunRow]) -> dict[str, str]:
    """What stands before the address of a page in the UI of the Prefect that has a run, by run."""
    theirs = await orchestrators.pages(session, parts, {row.project_id for row in rows})
    elsewhere = await runs_elsewhere(session, parts, [row.id for row in rows if row.attempts], unserved=True)
    return {
        row.id: pages_of(elsewhere[row.id]) if row.id in elsewhere else theirs[row.project_id] for row in rows
    }


def is_of_project(parts: Parts, project: ProjectRow, url: str | None) -> bool:
    """Whether an agent with this address talks to the Prefect of its project."""
    return _other(url, orchestrators.shown(parts, project).url) is None


def _other(url: str | None, theirs: str) -> str | None:
    """The address, if it is not that of the project's Prefect."""
    return None if url is None or url == theirs.rstrip("/") else url
