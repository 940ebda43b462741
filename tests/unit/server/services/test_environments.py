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


def test_order_and_checkouts_change_no_fingerprint() -> None:
    here = GitRepository(path="/work", commit="c" * 40, dirty=True)
    other = SPEC.model_copy(update={"distributions": [POLARS, NUMPY], "repositories": [here]})
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
