"""Schedules as the UI shows them: next runs, next times, pausing, and what runs take."""

from __future__ import annotations

from datetime import timedelta

import pytest

from prefect_platform.errors import Conflict, NotFound, OrchestratorUnavailable, UsageError
from prefect_platform.names import new_id
from prefect_platform.server.db.tables import DeploymentRow, FlowRow
from prefect_platform.server.services import schedules
from tests.server_scene import Scene

pytestmark = pytest.mark.asyncio


async def another_deployment(stage: Scene, name: str, *slugs: str) -> str:
    crons = [{"slug": slug, "schedule": {"cron": "0 3 * * *", "timezone": "UTC"}} for slug in slugs]
    prefect_id = stage.orchestrator.add_deployment(name, crons)
    async with stage.parts.database.session() as session:
        session.add(
            DeploymentRow(
                id=new_id("dp"), flow_id=stage.flow_id, name=name, version_id=stage.version_id,
                prefect_deployment_id=prefect_id, prefect_flow_id="pf-1", spec_digest="d" * 64,
                updated_at=stage.parts.clock.now(),
            )
        )  # fmt: skip
    return prefect_id


def schedule_id(stage: Scene, deployment_id: str) -> str:
    return str(stage.orchestrator.deployments[deployment_id].schedules[0]["id"])


async def test_the_next_runs_of_a_project_are_named_by_flow_and_deployment(stage: Scene) -> None:
    due = stage.parts.clock.now() + timedelta(hours=1)
    later = stage.orchestrator.schedule_run(stage.deployment_id, due + timedelta(hours=1))
    soon = stage.orchestrator.schedule_run(stage.deployment_id, due)
    stage.orchestrator.set_state(soon, "SCHEDULED", "Late")
    stage.orchestrator.schedule_run(stage.orchestrator.add_deployment("not ours"), due)
    found = await schedules.upcoming(stage.parts, stage.user, "default", 20)
    assert [(run.run_id, run.due, run.late) for run in found] == [
        (soon, due, True),
        (later, due + timedelta(hours=1), False),
    ]
    assert {(run.flow_id, run.flow_name, run.deployment_name) for run in found} == {
        (stage.flow_id, "etl", "nightly")
    }
    assert len(await schedules.upcoming(stage.parts, stage.user, "default", 1)) == 1


async def test_a_deleted_flow_starts_nothing(stage: Scene) -> None:
    stage.orchestrator.schedule_run(stage.deployment_id, stage.parts.clock.now())
    async with stage.parts.database.session() as session:
        (await session.get_one(FlowRow, stage.flow_id)).deleted_at = stage.parts.clock.now()
    assert await schedules.upcoming(stage.parts, stage.user, "default", 20) == []


async def test_schedules_show_what_each_starts_next(stage: Scene) -> None:
    deployment = await another_deployment(stage, "weekly", "platform-cron-1", "platform-cron-2")
    at = stage.parts.clock.now()
    for hours in range(7):
        stage.orchestrator.schedule_run(
            deployment, at + timedelta(hours=hours), schedule_id(stage, deployment)
        )
    nightly, weekly = await schedules.of_flow(stage.parts, stage.user, stage.flow_id)
    assert (nightly.deployment_name, nightly.paused, nightly.schedules) == ("nightly", False, [])
    first, second = weekly.schedules
    assert (first.slug, first.cron, first.timezone, first.active) == (
        "platform-cron-1",
        "0 3 * * *",
        "UTC",
        True,
    )
    assert first.next_times == [at + timedelta(hours=hours) for hours in range(5)]
    assert second.next_times == []


async def test_one_schedule_is_paused_and_resumed(stage: Scene) -> None:
    await another_deployment(stage, "weekly", "a", "b")
    for active in (False, True):
        answer = await schedules.set_active(stage.parts, stage.user, stage.flow_id, "a", None, active=active)
        found = {one.slug: one.active for each in answer for one in each.schedules}
        assert found == {"a": active, "b": True}


async def test_a_schedule_of_several_deployments_has_to_be_named_with_its_own(stage: Scene) -> None:
    await another_deployment(stage, "one", "same")
    await another_deployment(stage, "two", "same")
    with pytest.raises(UsageError, match="'one', 'two'"):
        await schedules.set_active(stage.parts, stage.user, stage.flow_id, "same", None, active=False)
    answer = await schedules.set_active(stage.parts, stage.user, stage.flow_id, "same", "two", active=False)
    found = {each.deployment_name: [one.active for one in each.schedules] for each in answer}
    assert found == {"nightly": [], "one": [True], "two": [False]}


async def test_a_schedule_without_a_slug_is_named_by_its_id(stage: Scene) -> None:
    prefect_id = await another_deployment(stage, "weekly", "x")
    stage.orchestrator.deployments[prefect_id].schedules[0]["slug"] = None
    key = schedule_id(stage, prefect_id)
    answer = await schedules.set_active(stage.parts, stage.user, stage.flow_id, key, None, active=False)
    assert [(one.slug, one.active) for each in answer for one in each.schedules] == [(key, False)]


async def test_a_deployment_is_paused_and_resumed(stage: Scene) -> None:
    for paused in (True, False):
        answer = await schedules.set_paused(stage.parts, stage.user, stage.flow_id, "nightly", paused=paused)
        assert [(one.deployment_name, one.paused) for one in answer] == [("nightly", paused)]


async def test_what_is_not_there_is_said_with_what_may_be_meant(stage: Scene) -> None:
    await another_deployment(stage, "weekly", "mornings")
    with pytest.raises(NotFound, match=r"no schedule 'morning'.*'mornings'"):
        await schedules.set_active(stage.parts, stage.user, stage.flow_id, "morning", None, active=False)
    with pytest.raises(NotFound, match="of deployment 'nightly'"):
        await schedules.set_active(
            stage.parts, stage.user, stage.flow_id, "mornings", "nightly", active=False
        )
    with pytest.raises(NotFound, match=r"no deployment 'nightley'.*'nightly'"):
        await schedules.set_paused(stage.parts, stage.user, stage.flow_id, "nightley", paused=True)
    with pytest.raises(NotFound, match="no flow"):
        await schedules.of_flow(stage.parts, stage.stranger, stage.flow_id)
    with pytest.raises(NotFound):
        await schedules.upcoming(stage.parts, stage.stranger, "default", 20)


async def test_nothing_of_a_flow_that_goes_is_paused_or_resumed(stage: Scene) -> None:
    async with stage.parts.database.session() as session:
        row = await session.get_one(FlowRow, stage.flow_id)
        row.deleting_at, row.deleting_by = stage.parts.clock.now(), "ana"
    with pytest.raises(Conflict, match="is being deleted"):
        await schedules.set_paused(stage.parts, stage.user, stage.flow_id, "nightly", paused=False)


async def test_a_deployment_that_prefect_lost_is_left_out(stage: Scene) -> None:
    await another_deployment(stage, "weekly", "a")
    await stage.orchestrator.delete_deployment(stage.deployment_id)
    found = await schedules.of_flow(stage.parts, stage.user, stage.flow_id)
    assert [one.deployment_name for one in found] == ["weekly"]
    with pytest.raises(NotFound, match="does not know deployment"):
        await schedules.set_paused(stage.parts, stage.user, stage.flow_id, "nightly", paused=True)


async def test_what_runs_take(stage: Scene) -> None:
    held = stage.orchestrator.deployments[stage.deployment_id]
    held.parameters, held.parameter_schema = {"n": 1}, {"properties": {"n": {"type": "integer"}}}
    [found] = await schedules.parameters(stage.parts, stage.user, stage.flow_id)
    assert (found.deployment_name, found.parameters, found.enforced) == ("nightly", {"n": 1}, True)
    assert found.parameter_schema == {"properties": {"n": {"type": "integer"}}}


async def test_a_prefect_that_is_away_is_said(stage: Scene) -> None:
    stage.orchestrator.down = True
    for asked in (
        schedules.upcoming(stage.parts, stage.user, "default", 20),
        schedules.of_flow(stage.parts, stage.user, stage.flow_id),
        schedules.parameters(stage.parts, stage.user, stage.flow_id),
    ):
        with pytest.raises(OrchestratorUnavailable):
            await asked
