"""Agents: always on, each with a token of its own and its own way to Prefect."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from prefect_platform.client.profile import FILE, Profile
from prefect_platform.errors import Conflict, UsageError
from prefect_platform.server.db.tables import AgentRow, ProjectRow, ResourceRow, TokenRow, WorkloadRow
from prefect_platform.server.services import secret_grants, secrets, tokens
from prefect_platform.server.services.kinds.base import Launch
from prefect_platform.server.services.parts import Parts
from prefect_platform.server.services.sizes import Needs
from prefect_platform.server.services.specs import parsed
from prefect_platform.wire.agent_spec import AgentSpec
from prefect_platform.wire.launch import PrivateFile, Program
from prefect_platform.wire.resources import ResourceKind
from prefect_platform.wire.runs import WorkloadKind
from prefect_platform.wire.tokens import TokenKind


class Agents:
    name, workload = ResourceKind.PREFECT_AGENT, WorkloadKind.AGENT
    always_on = True
    priority = 1000
    """Before every run: without an agent none starts."""
    grace_seconds = 10.0

    async def check(
        self, session: AsyncSession, parts: Parts, project: ProjectRow, spec: dict[str, Any]
    ) -> dict[str, Any]:
        found = parsed(AgentSpec, spec)
        if found.prefect_secret is not None:
            lost = await secrets.missing(session, project, [found.prefect_secret])
            if lost:
                raise UsageError(f"prefect_secret: project {project.name!r} has no secret {lost[0]}")
        return found.model_dump(mode="json", exclude_defaults=True)

    def needs(self, parts: Parts, spec: dict[str, Any]) -> Needs:
        return Needs(0.0, AgentSpec.model_validate(spec).memory_bytes)

    async def launch(
        self, session: AsyncSession, parts: Parts, resource: ResourceRow, row: WorkloadRow, token: str
    ) -> Launch:
        spec = AgentSpec.model_validate(resource.spec)
        project = await session.get_one(ProjectRow, resource.project_id)
        own = await self._token(session, parts, resource)
        profile = Profile(parts.config.public_url, own, project.name)
        secret = await self._prefect(session, parts, row, spec)
        files = [PrivateFile("profile.json", json.dumps(asdict(profile)))]
        if secret is not None:
            files.append(PrivateFile("prefect/profiles.toml", _profiles(secret)))
        return Launch(
            interpreter=sys.executable,
            program=Program(
                title="The agent",
                arguments=["-m", "prefect_platform", "agent", "run", *_options(spec)],
                source="agent",
                variables={FILE: "{directory}/profile.json", "PREFECT_HOME": "{directory}/prefect"},
                files=files,
            ),
            variables={
                "PREFECT_API_URL": spec.prefect_api_url or parts.config.orchestrator.url,
                "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false",
                "DO_NOT_TRACK": "1",
                "PYTHONUNBUFFERED": "1",
            },
            secrets=[own] if secret is None else [own, secret],
        )

    async def renew(
        self, session: AsyncSession, parts: Parts, resource: ResourceRow, row: WorkloadRow
    ) -> tuple[str, list[str]]:
        raise Conflict("The token of an agent lasts as long as its start: there is nothing to renew.")

    async def forget(self, session: AsyncSession, parts: Parts, resource: ResourceRow) -> None:
        await _revoke(session, resource.id, parts.clock.now())

    async def _token(self, session: AsyncSession, parts: Parts, resource: ResourceRow) -> str:
        """A token for this start alone: what the last one had ends here."""
        at = parts.clock.now()
        row = await session.get(AgentRow, resource.id)
        if row is None:
            await _free_name(session, resource)
            session.add(
                AgentRow(id=resource.id, project_id=resource.project_id, name=resource.name, created_at=at)
            )
            await session.flush()
        await _revoke(session, resource.id, at)
        _, secret = await tokens.issue(
            session,
            parts,
            kind=TokenKind.AGENT,
            label=resource.name,
            project_id=resource.project_id,
            subject_id=resource.id,
        )
        return secret

    async def _prefect(
        self, session: AsyncSession, parts: Parts, row: WorkloadRow, spec: AgentSpec
    ) -> str | None:
        """What opens Prefect: the spec's own secret, or what the platform itself uses for its Prefect."""
        if spec.prefect_secret is not None:
            return (await secret_grants.give_one(session, parts, row, spec.prefect_secret)).strip()
        settings = parts.config.orchestrator
        if spec.prefect_api_url not in (None, settings.url):
            return None
        return settings.auth_string or settings.api_key


async def _free_name(session: AsyncSession, resource: ResourceRow) -> None:
    """Raises Conflict where an agent that somebody runs by hand has this name."""
    taken = await session.scalar(
        select(AgentRow.id).where(AgentRow.project_id == resource.project_id, AgentRow.name == resource.name)
    )
    if taken is not None:
        raise Conflict(f"An agent named {resource.name!r} is known already: choose another name.")


async def _revoke(session: AsyncSession, resource_id: str, at: datetime) -> None:
    await session.execute(
        update(TokenRow)
        .where(
            TokenRow.subject_id == resource_id,
            TokenRow.kind == TokenKind.AGENT.value,
            TokenRow.revoked_at.is_(None),
        )
        .values(revoked_at=at)
    )


def _options(spec: AgentSpec) -> list[str]:
    found = [word for queue in spec.queues for word in ("--queue", queue)]
    return [*found, "--limit", str(spec.limit)] if spec.limit is not None else found


def _profiles(secret: str) -> str:
    """Prefect's own file of profiles: neither the environment nor a command line shows the secret."""
    name = "PREFECT_API_AUTH_STRING" if ":" in secret else "PREFECT_API_KEY"
    return f'active = "agent"\n\n[profiles.agent]\n{name} = {json.dumps(secret)}\n'
