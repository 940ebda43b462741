"""Task runs of a run, as a graph needs them."""

from __future__ import annotations

import pytest

from prefect_platform.errors import Conflict, NotFound, OrchestratorUnavailable
from prefect_platform.server.db.tables import AttemptRow
from prefect_platform.server.services import task_runs
from prefect_platform.server.services.orchestrator import TaskRunState
from tests.server_scene import Scene

pytestmark = pytest.mark.asyncio


def task(number: int, *upstream: str) -> TaskRunState:
    return TaskRunState(
        f"t-{number}", f"load-{number}", "load", "COMPLETED", "Cached", None, None, upstream, None
    )


async def test_each_says_what_it_waited_for(stage: Scene) -> None:
    run = (await stage.attempt()).flow_run_id
    stage.orchestrator.tasks[run] = [task(0), task(1, "t-0")]
    found = await task_runs.of_run(stage.parts, stage.user, run)
    assert [(one.id, one.name, one.state_name, one.upstream) for one in found.items] == [
        ("t-0", "load-0", "Cached", []),
        ("t-1", "load-1", "Cached", ["t-0"]),
    ]
    assert not found.truncated


@pytest.mark.parametrize("more", [0, 1])
async def test_there_is_an_end_to_it_and_it_is_said(stage: Scene, more: int) -> None:
    run = (await stage.attempt()).flow_run_id
    stage.orchestrator.tasks[run] = [task(number) for number in range(task_runs.MOST + more)]
    found = await task_runs.of_run(stage.parts, stage.user, run)
    assert (len(found.items), found.truncated) == (task_runs.MOST, bool(more))


async def test_what_cannot_be_asked_for_is_said(stage: Scene) -> None:
    attempt = await stage.attempt()
    with pytest.raises(NotFound):
        await task_runs.of_run(stage.parts, stage.stranger, attempt.flow_run_id)
    stage.orchestrator.down = True
    with pytest.raises(OrchestratorUnavailable):
        await task_runs.of_run(stage.parts, stage.user, attempt.flow_run_id)
    async with stage.parts.database.session() as session:
        row = await session.get_one(AttemptRow, attempt.id)
        row.orchestrator_url = "http://127.0.0.1:9/api"
    with pytest.raises(Conflict, match=r"http://127\.0\.0\.1:9/api, which its agent alone talks to"):
        await task_runs.of_run(stage.parts, stage.user, attempt.flow_run_id)
