"""Work pools in which a deployment may land: those that an agent of its project takes runs from."""

from __future__ import annotations

import pytest

from prefect_platform.errors import RegistrationError
from prefect_platform.names import work_pool_name
from prefect_platform.server.db.tables import ResourceRow
from prefect_platform.server.services import projects, registration, resources
from prefect_platform.server.services.parts import Parts
from prefect_platform.wire.projects import ProjectCreate
from prefect_platform.wire.resources import ResourceCreate, ResourceKind
from tests import server_calls

pytestmark = pytest.mark.asyncio


async def agent(parts: Parts, name: str, project: str = "default", **spec: object) -> str:
    request = ResourceCreate(kind=ResourceKind.PREFECT_AGENT, name=name, spec=spec, start=False)
    return (await resources.create(parts, await server_calls.owner(parts), project, request)).id


async def register(parts: Parts, work_pool: str | None) -> None:
    request = server_calls.registration().model_copy(update={"work_pool": work_pool})
    await registration.register(parts, await server_calls.owner(parts), "default", request)


async def test_a_deployment_may_land_where_an_agent_of_the_project_takes_runs(parts: Parts) -> None:
    await agent(parts, "large", work_pool="gpu")
    ours = parts.config.orchestrator.url
    await agent(parts, "said", work_pool="same", prefect_api_url=ours)
    for pool in (None, work_pool_name(parts.installation_id), "gpu", "same"):
        await register(parts, pool)


async def test_any_other_is_refused_with_those_that_there_are(parts: Parts) -> None:
    await agent(parts, "large", work_pool="gpu")
    await agent(parts, "far", work_pool="elsewhere", prefect_api_url="https://prefect.example/api")
    other = ProjectCreate(name="other")
    await projects.create(parts, await server_calls.owner(parts), other)
    await agent(parts, "theirs", "other", work_pool="foreign")
    gone = await agent(parts, "gone", work_pool="left")
    async with parts.database.session() as session:
        (await session.get_one(ResourceRow, gone)).deleted_at = parts.clock.now()
    known = f"There are {work_pool_name(parts.installation_id)}, gpu;"
    for pool in ("elsewhere", "foreign", "left", "stock"):
        with pytest.raises(
            RegistrationError, match=f"no agent of project 'default' serves .*'{pool}'.*{known}"
        ):
            await register(parts, pool)
    with pytest.raises(RegistrationError, match="Did you mean 'gpu'"):
        await register(parts, "gpus")
