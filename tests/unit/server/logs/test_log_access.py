"""Whose logs one may see, and which of them belong to a run."""

from __future__ import annotations

import pytest

from prefect_platform.errors import NotFound
from prefect_platform.server.services import logs_live, logs_read
from prefect_platform.server.services.logs_read import Wanted
from tests.server_scene import Scene


@pytest.mark.asyncio
async def test_only_members_read(stage: Scene) -> None:
    attempt = await stage.attempt()
    await stage.parts.logs.append(attempt.workload.id, "flow", 0, b"x", [])
    with pytest.raises(NotFound):
        await logs_read.read(stage.parts, stage.stranger, attempt.workload.id, "flow", Wanted())
    with pytest.raises(NotFound):
        await logs_read.sources_of_run(stage.parts, stage.stranger, attempt.flow_run_id)
    with pytest.raises(NotFound):
        await logs_live.follow_run(stage.parts, stage.stranger, attempt.flow_run_id, None)
    with pytest.raises(NotFound):
        await logs_live.follow_source(stage.parts, stage.stranger, attempt.workload.id, "flow", None)
    with pytest.raises(NotFound):
        await logs_read.sources_of_workload(stage.parts, stage.launcher("wl-other"), attempt.workload.id)


@pytest.mark.asyncio
async def test_a_run_shows_the_sources_of_all_its_attempts(stage: Scene) -> None:
    first = await stage.attempt()
    second = await stage.attempt(first.flow_run_id)
    for attempt, source in ((second, "flow"), (first, "launcher"), (first, "flow")):
        await stage.parts.logs.append(attempt.workload.id, source, 0, b"x", [])
    found = await logs_read.sources_of_run(stage.parts, stage.user, first.flow_run_id)
    assert [(info.workload_id, info.source) for info in found] == [
        (first.workload.id, "flow"),
        (first.workload.id, "launcher"),
        (second.workload.id, "flow"),
    ]
