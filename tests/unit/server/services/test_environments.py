"""Environments: one row a fingerprint, which is the server's to take."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from prefect_platform.errors import InternalError
from prefect_platform.server.db.tables import EnvironmentRow
from prefect_platform.server.services import environments, registration
from prefect_platform.server.services.parts import Parts
from prefect_platform.wire.environments import Distribution, EnvironmentSpec, GitRepository
from tests import server_calls

NUMPY = Distribution(name="numpy", version="2.1.0")
POLARS = Distribution(name="polars", version="1.9.0")
SPEC = EnvironmentSpec(python_version="3.11.7", distributions=[NUMPY, POLARS])


def test_order_changes_no_fingerprint() -> None:
    other = SPEC.model_copy(update={"distributions": [POLARS, NUMPY]})
    assert environments.fingerprint(other) == environments.fingerprint(SPEC)
    assert environments.fingerprint(
        SPEC.model_copy(update={"variables": {"A": "1"}})
    ) != environments.fingerprint(SPEC)


@pytest.mark.asyncio
async def test_an_environment_is_stored_once_and_named_by_the_platform(parts: Parts) -> None:
    owner = await server_calls.owner(parts)
    wanted = server_calls.registration(settings={"environment": "f" * 64})
    without = await registration.register(parts, owner, "default", wanted)
    assert without.version.settings.environment is None, "a caller names none that was never stored"
    asked = server_calls.registration().model_copy(update={"environment": SPEC})
    first = await registration.register(parts, owner, "default", asked)
    again = await registration.register(parts, owner, "default", asked)
    mark = first.version.settings.environment
    assert mark == environments.fingerprint(SPEC)
    assert again.version.id == first.version.id
    async with parts.database.reader() as session:
        assert (await session.scalars(select(func.count()).select_from(EnvironmentRow))).one() == 1
        project = await server_calls.project_id(parts)
        assert await environments.find(session, project, mark) == SPEC
        with pytest.raises(InternalError, match="register the flow again"):
            await environments.find(session, project, "0" * 64)


@pytest.mark.asyncio
async def test_a_version_tells_the_checkout_that_it_came_from(parts: Parts) -> None:
    """Each version its own, and none is made for a commit that changed nothing of what travels."""
    owner = await server_calls.owner(parts)
    asked = server_calls.registration()
    commits = ["a" * 40, "b" * 40]
    at = [GitRepository(path="/project", commit=commit, dirty=False) for commit in commits]
    versions = [
        await registration.register(
            parts, owner, "default",
            asked.model_copy(
                update={"code": asked.code.model_copy(update={"digest": digest, "repositories": [one]})}
            ),
        )
        for digest, one in zip(("1" * 64, "1" * 64, "2" * 64), (at[0], at[1], at[1]), strict=True)
    ]  # fmt: skip
    assert [found.version.number for found in versions] == [1, 1, 2]
    assert [found.version.code.repositories[0].commit[0] for found in versions] == ["a", "a", "b"]
