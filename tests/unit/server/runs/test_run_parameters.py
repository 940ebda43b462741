"""Parameters of a run: Prefect's, without the project's secrets."""

from __future__ import annotations

import pytest

from prefect_platform.errors import Conflict, NotFound, OrchestratorUnavailable
from prefect_platform.server.db.tables import AttemptRow
from prefect_platform.server.services import run_parameters, secrets
from prefect_platform.server.services.orchestrator_memory import CreatedRun
from prefect_platform.wire.secrets import SecretSet
from tests.server_scene import Scene

pytestmark = pytest.mark.asyncio


def started_with(stage: Scene, run: str, **parameters: object) -> None:
    stage.orchestrator.created[run] = CreatedRun(stage.deployment_id, parameters, [], None)


async def test_they_are_what_prefect_holds(stage: Scene) -> None:
    run = (await stage.attempt()).flow_run_id
    started_with(stage, run, day="2013-01-05", html="<b>\u202e", n=1 << 60)
    found = await run_parameters.of_run(stage.parts, stage.user, run)
    assert found.parameters == {"day": "2013-01-05", "html": "<b>\u202e", "n": 1 << 60}
    assert (found.cuts, found.large_numbers) == ([], {"/n": str(1 << 60)})


async def test_no_secret_of_the_project_is_in_them(stage: Scene) -> None:
    run = (await stage.attempt()).flow_run_id
    value = "correct-horse-battery"
    await secrets.put(stage.parts, stage.user, "default", "key", SecretSet(value=value))
    started_with(stage, run, password=value, url=f"https://me:{value}@host/", half="half \ud800 of it")
    found = await run_parameters.of_run(stage.parts, stage.user, run)
    assert found.parameters["password"] == "*" * len(value)
    assert value not in found.model_dump_json()
    assert found.parameters["half"].startswith("half \N{REPLACEMENT CHARACTER}")


async def test_what_cannot_be_asked_for_is_said(stage: Scene) -> None:
    attempt = await stage.attempt()
    run = attempt.flow_run_id
    with pytest.raises(NotFound, match="or it is not yours"):
        await run_parameters.of_run(stage.parts, stage.stranger, run)
    state = stage.orchestrator.runs.pop(run)
    with pytest.raises(NotFound, match="Prefect does not know"):
        await run_parameters.of_run(stage.parts, stage.user, run)
    stage.orchestrator.runs[run] = state
    stage.orchestrator.down = True
    with pytest.raises(OrchestratorUnavailable):
        await run_parameters.of_run(stage.parts, stage.user, run)
    async with stage.parts.database.session() as session:
        row = await session.get_one(AttemptRow, attempt.id)
        row.orchestrator_url = "http://127.0.0.1:9/api"
    with pytest.raises(Conflict, match=r"http://127\.0\.0\.1:9/api, which its agent alone talks to"):
        await run_parameters.of_run(stage.parts, stage.user, run)
