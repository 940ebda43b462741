"""Agents: always on, each with a token of its own and its own way to Prefect."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from prefect_platform.client.profile import FILE, Profile
from prefect_platform.errors import Conflict
from prefect_platform.names import new_id
from prefect_platform.server.db.tables import AgentRow, ProjectRow, ResourceRow, TokenRow, WorkloadRow
from prefect_platform.server.services import launch_specs, prefect_access, secrets, tokens
from prefect_platform.server.services.kinds.base import Launch
from prefect_platform.server.services.parts import Parts
from prefect_platform.server.services.sizes import Needs
from prefect_platform.server.services.specs import parsed, refused
from prefect_platform.wire.agent_spec import AgentSpec
from prefect_platform.wire.launch import PrivateFile, Program
from prefect_platform.wire.orchestrators import CLOUD_SETTING, cloud_api_url
from prefect_platform.wire.resources import ResourceKind
from prefect_platform.wire.runs import WorkloadKind
from prefect_platform.wire.tokens import TokenKind

BY_HAND_SECONDS = 15.0
"""An agent that was seen since is running somewhere: it reports every few seconds."""


class Agents:
    name, workload = ResourceKind.PREFECT_AGENT, WorkloadKind.AGENT
    always_on, private = True, False
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
                raise refused(f"project {project.name!r} has no secret {lost[0]}", "prefect_secret")
        return found.model_dump(mode="json", exclude_defaults=True)

    async def identity(self, session: AsyncSession, parts: Parts, project: ProjectRow, name: str) -> str:
        """One that somebody ran by hand, and runs no more, goes on as a resource: what it has claimed and
        what its runs tell of it stays its own."""
        row = await session.scalar(
            select(AgentRow).where(AgentRow.project_id == project.id, AgentRow.name == name)
        )
        if row is None:
            row = AgentRow(
                id=new_id("rs"), project_id=project.id, name=name, report=None, created_at=parts.clock.now()
            )
            session.add(row)
            return row.id
        if await session.get(ResourceRow, row.id) is not None:
            return new_id("rs")  # it is a resource already, whose name is taken
        since = parts.clock.now() - timedelta(seconds=BY_HAND_SECONDS)
        if row.last_seen_at is not None and row.last_seen_at > since:
            raise Conflict(
                f"An agent named {name!r} is run by hand, outside of the platform: end it, or choose another "
                "name."
            )
        return str(row.id)

    def needs(self, parts: Parts, spec: dict[str, Any]) -> Needs:
        return Needs(0.0, AgentSpec.model_validate(spec).memory_bytes)

    async def launch(
        self, session: AsyncSession, parts: Parts, resource: ResourceRow, row: WorkloadRow, token: str
    ) -> Launch:
        spec = AgentSpec.model_validate(resource.spec)
        project = await session.get_one(ProjectRow, resource.project_id)
        own = await self._token(session, parts, resource)
        profile = Profile(parts.config.public_url, own, project.name)
        told = await session.get_one(AgentRow, resource.id)
        told.orchestrator_url, told.orchestrator_secret = spec.prefect_api_url, spec.prefect_secret
        prefect = await prefect_access.of_workload(
            session, parts, row, spec.prefect_api_url, spec.prefect_secret
        )
        files = [PrivateFile("profile.json", json.dumps(asdict(profile))), *prefect_access.profiles(prefect)]
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
                "PREFECT_API_URL": prefect.url,
                **({CLOUD_SETTING: cloud} if (cloud := cloud_api_url(prefect.url)) else {}),
                "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false",
                "DO_NOT_TRACK": "1",
                "PYTHONUNBUFFERED": "1",
            },
            secrets=[own, *launch_specs.credentials(prefect)],
        )

    async def renew(
        self, session: AsyncSession, parts: Parts, resource: ResourceRow, row: WorkloadRow
    ) -> tuple[str, list[str]]:
        raise Conflict("The token of an agent lasts as long as its start: there is nothing to renew.")

    async def forget(self, session: AsyncSession, parts: Parts, resource: ResourceRow) -> Path | None:
        """Its runs go on telling who has picked them up; its name is free."""
        await _revoke(session, resource.id, parts.clock.now())
        row = await session.get(AgentRow, resource.id)
        if row is not None:
            row.name = row.id
        return None

    async def _token(self, session: AsyncSession, parts: Parts, resource: ResourceRow) -> str:
        """A token for this start alone: what the last one had ends here."""
        await _revoke(session, resource.id, parts.clock.now())
        _, secret = await tokens.issue(
            session,
            parts,
            kind=TokenKind.AGENT,
            label=resource.name,
            project_id=resource.project_id,
            subject_id=resource.id,
        )
        return secret


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
    """Its queues it asks the platform for, with what they should be."""
    return [] if spec.limit is None else ["--limit", str(spec.limit)]
