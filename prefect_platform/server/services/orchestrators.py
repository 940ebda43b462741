"""Which Prefect a project talks to, and as whom. Nothing else in the server looks that up.

The installation's credentials are sent to the installation's own Prefect alone; a project with another has a
secret for it, or signs in nowhere.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from prefect_platform.errors import (
    NotFound,
    OrchestratorUnavailable,
    PlatformError,
    SecretUnavailable,
    UsageError,
)
from prefect_platform.server.config import OrchestratorSettings
from prefect_platform.server.db.tables import AgentRow, ProjectRow, SecretRow, WorkloadRow
from prefect_platform.server.services import secret_values
from prefect_platform.server.services.orchestrator import Orchestrator
from prefect_platform.server.services.orchestrator_cache import Access
from prefect_platform.server.services.parts import Parts
from prefect_platform.wire.orchestrators import url_problem

CHECK_SECONDS = 5.0
"""Longest wait for a Prefect that was just named to answer."""
ALIVE = timedelta(minutes=1)
"""An agent that was seen within this time runs."""


async def of(parts: Parts, project_id: str) -> Orchestrator:
    """The Prefect of a project. Call it outside of a session, as what it returns is called.

    Raises:
        NotFound: there is no such project.
        OrchestratorUnavailable: its credentials cannot be read; the message says what to do.
    """
    async with parts.database.reader() as session:
        project = await session.get(ProjectRow, project_id)
        if project is None:
            raise NotFound(f"There is no project {project_id!r}.")
        if not project.orchestrator_own and project.orchestrator_secret is None:
            return parts.orchestrator
        try:
            access = await _access(session, project)
            found = parts.orchestrators.find(access)
            if found is not None:
                return found
            wanted = await settings(session, parts, project)
        except SecretUnavailable as error:
            raise OrchestratorUnavailable(error.message) from error
    return await parts.orchestrators.open(access, wanted)


async def settings(session: AsyncSession, parts: Parts, project: ProjectRow) -> OrchestratorSettings:
    """Address and credentials of a project's Prefect.

    Raises:
        SecretUnavailable: the secret that holds them is not there or cannot be read.
    """
    return await signed_in(session, parts, project, shown(parts, project), project.orchestrator_secret)


async def signed_in(
    session: AsyncSession,
    parts: Parts,
    project: ProjectRow,
    found: OrchestratorSettings,
    secret: str | None,
) -> OrchestratorSettings:
    """The same with the credentials that a secret of the project holds, if one is named.

    A value with a colon is `user:password`; any other is a key.

    Raises:
        SecretUnavailable: it is not there, is empty or cannot be read.
    """
    if secret is None:
        return found
    row = await _secret(session, project, secret)
    try:
        value = (await secret_values.read(session, parts.keyring, row, row.version)).strip()
    except PlatformError as error:
        raise SecretUnavailable(
            f"Secret {secret!r} of project {project.name!r}, with which it signs in to Prefect, cannot be "
            f"read. {error.message}",
            secrets=[secret],
        ) from error
    if not value or not value.isprintable():
        raise SecretUnavailable(
            f"Secret {secret!r} of project {project.name!r} is no key of Prefect and no user:password: it is "
            f"empty, or has several lines. `prefect-platform secret set {secret}` sets it anew.",
            secrets=[secret],
        )
    if ":" in value:
        return replace(found, auth_string=value, api_key=None)
    return replace(found, auth_string=None, api_key=value)


def shown(parts: Parts, project: ProjectRow) -> OrchestratorSettings:
    """A project's Prefect, without the credentials of its own."""
    if project.orchestrator_own:
        return OrchestratorSettings(url=project.orchestrator_url)
    return parts.config.orchestrator


async def pages(session: AsyncSession, parts: Parts, project_ids: Iterable[str]) -> dict[str, str]:
    """What stands before the address of a page in Prefect's UI, by project."""
    rows = await session.scalars(select(ProjectRow).where(ProjectRow.id.in_(list(project_ids))))
    return {row.id: shown(parts, row).pages for row in rows}


async def of_workload(parts: Parts, workload_id: str) -> OrchestratorSettings:
    """What a workload is given to talk to Prefect.

    Raises:
        SecretUnavailable: as `settings`.
    """
    async with parts.database.reader() as session:
        row = await session.get(WorkloadRow, workload_id)
        project = await session.get(ProjectRow, row.project_id) if row else None
        return await settings(session, parts, project) if project else parts.config.orchestrator


def chosen(parts: Parts, url: str | None) -> tuple[str, bool]:
    """The address that a project is to talk to, and whether it is another than the installation's.

    Raises:
        UsageError: it is no address, or holds a password.
    """
    ours = parts.config.orchestrator.url
    if url is None:
        return ours, False
    problem = url_problem(url)
    if problem is not None:
        raise UsageError(problem)
    wanted = url.rstrip("/")
    return wanted, wanted != ours


async def notes(parts: Parts, project_id: str) -> list[str]:
    """What somebody should know who has just set a project's Prefect; each is a sentence."""
    async with parts.database.reader() as session:
        project = await session.get_one(ProjectRow, project_id)
        agents = await session.scalars(
            select(AgentRow.name).where(
                AgentRow.project_id == project_id, AgentRow.last_seen_at > parts.clock.now() - ALIVE
            )
        )
        running = sorted(agents)
    found = [await _answering(parts, project)]
    if running:
        found.append(
            f"These agents keep the settings they were started with, so restart them: {', '.join(running)}."
        )
    return [note for note in found if note]


async def _answering(parts: Parts, project: ProjectRow) -> str | None:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            await (await of(parts, project.id)).check()
    except PlatformError as error:
        return error.message
    except TimeoutError:
        return f"Prefect at {project.orchestrator_url} did not answer within {CHECK_SECONDS:g} s."
    return None


async def _access(session: AsyncSession, project: ProjectRow) -> Access:
    if project.orchestrator_secret is None:
        return Access(project.orchestrator_url)
    secret = await _secret(session, project, project.orchestrator_secret)
    return Access(project.orchestrator_url, secret.id, secret.version)


async def _secret(session: AsyncSession, project: ProjectRow, name: str) -> SecretRow:
    row = await session.scalar(
        select(SecretRow).where(SecretRow.project_id == project.id, SecretRow.name == name)
    )
    if row is None or row.deleted_at is not None:
        raise SecretUnavailable(
            f"Project {project.name!r} has no secret {name!r}, which is to hold its key for Prefect: "
            f"`prefect-platform secret set {name} --project {project.name}` makes it.",
            secrets=[name],
        )
    return row
