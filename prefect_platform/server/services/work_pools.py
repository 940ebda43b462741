"""Work pools in which a deployment may land: those that an agent takes runs from."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from prefect_platform.errors import RegistrationError, foreign
from prefect_platform.names import nearest, work_pool_name
from prefect_platform.server.db.tables import ProjectRow, ResourceRow
from prefect_platform.server.services import prefect_access
from prefect_platform.server.services.parts import Parts
from prefect_platform.wire.agent_spec import AgentSpec
from prefect_platform.wire.resources import ResourceKind


async def check(session: AsyncSession, parts: Parts, project: ProjectRow, name: str | None) -> None:
    """Refuse a pool whose runs nobody would take.

    Raises:
        RegistrationError: no agent serves it; the message names the pools that there are.
    """
    if name is None:
        return
    known = await served(session, parts, project)
    if name not in known:
        raise RegistrationError(
            f"work_pool: no agent of project {project.name!r} serves work pool {foreign(name)!r}."
            f"{nearest(name, known)} There are {', '.join(known)}; "
            "`prefect-platform agent create NAME --work-pool POOL` makes an agent for another."
        )


async def served(session: AsyncSession, parts: Parts, project: ProjectRow) -> list[str]:
    """The installation's own, and those of the project's agents that talk to the project's Prefect."""
    specs = await session.scalars(
        select(ResourceRow.spec)
        .where(
            ResourceRow.project_id == project.id,
            ResourceRow.kind == ResourceKind.PREFECT_AGENT.value,
            ResourceRow.deleted_at.is_(None),
        )
        .order_by(ResourceRow.id)
    )
    pools = [
        spec.work_pool
        for spec in map(AgentSpec.model_validate, specs)
        if spec.work_pool is not None and prefect_access.is_of_project(parts, project, spec.prefect_api_url)
    ]
    return list(dict.fromkeys([work_pool_name(parts.installation_id), *pools]))
