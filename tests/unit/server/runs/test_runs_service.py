"""Runs for people: start, list, look, cancel; and Prefect down at each."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from prefect_platform.errors import NotFound, OrchestratorUnavailable, UsageError
from prefect_platform.server.db.tables import DeploymentRow, RunRow, WorkloadRow
from prefect_platform.server.services import attempts, launches, logs_live, runs, workloads
from prefect_platform.wire.flows import RunRequest
from prefect_platform.wire.runs import CancelRequest, ResultReport, Run, Settlement, Status
from tests.server_scene import Scene

pytestmark = pytest.mark.asyncio


async def start(stage: Scene, request: RunRequest | None = None, key: str | None = None) -> Run:
    return await runs.start(stage.parts, stage.user, stage.flow_id, request or RunRequest(), key)


async def add_deployment(stage: Scene, name: str) -> None:
    async with stage.parts.database.session() as session:
        session.add(
            DeploymentRow(
                id=f"dp-{name}", flow_id=stage.flow_id, name=name, version_id=stage.version_id,
                prefect_deployment_id=stage.orchestrator.add_deployment(name), prefect_flow_id="pf-1",
                spec_digest="d" * 64, updated_at=stage.parts.clock.now(),
            )
        )  # fmt: skip


async def test_a_run_is_known_before_any_agent_saw_it(stage: Scene) -> None:
    due = datetime(2030, 1, 1, tzinfo=UTC)
    run = await start(stage, RunRequest(parameters={"day": 1}, tags=["x"], scheduled_time=due))
    assert (run.status, run.prefect_state, run.attempts) == (None, "Scheduled", 0)
    assert (run.flow_name, run.deployment_name, run.version_number) == ("etl", "nightly", 1)
    assert run.url == f"http://127.0.0.1:4200/v2/runs/flow-run/{run.id}"
    made = stage.orchestrator.created[run.id]
    assert (made.parameters, made.tags, made.scheduled_time) == ({"day": 1}, ["x"], due)
    row = await stage.row(RunRow, run.id)
    assert row.started_by == "ana"


async def test_the_same_key_is_the_same_run(stage: Scene) -> None:
    first, second = await start(stage, key="k"), await start(stage, key="k")
    assert first.id == second.id
    assert (await start(stage)).id != first.id


async def test_which_deployment_must_be_clear(stage: Scene) -> None:
    await add_deployment(stage, "hourly")
    with pytest.raises(UsageError, match="say which: 'hourly', 'nightly'"):
        await start(stage)
    with pytest.raises(UsageError, match="Did you mean 'hourly'"):
        await start(stage, RunRequest(deployment_name="hourlyy"))
    assert (await start(stage, RunRequest(deployment_name="hourly"))).deployment_name == "hourly"


async def test_a_deployment_that_prefect_lost(stage: Scene) -> None:
    stage.orchestrator.deployments.clear()
    with pytest.raises(NotFound, match="register the flow again"):
        await start(stage)


async def test_prefect_down_at_the_start_starts_nothing(stage: Scene) -> None:
    stage.orchestrator.down = True
    with pytest.raises(OrchestratorUnavailable):
        await start(stage)
    page = await runs.listing(stage.parts, stage.user, "default", None, None, None, None)
    assert page.items == []


async def test_an_agent_that_was_faster_is_no_harm(stage: Scene) -> None:
    run = await start(stage)
    attempt = await stage.attempt(run.id)
    detail = await runs.show(stage.parts, stage.user, run.id)
    assert [one.id for one in detail.attempt_list] == [attempt.id]
    assert (detail.status, detail.attempts) == (Status.QUEUED, 1)
    assert detail.queued_seconds is not None
    assert (await stage.row(RunRow, run.id)).started_by == "ana"


async def test_a_run_that_ends_in_prefect_before_its_start_has_ended(stage: Scene) -> None:
    first, second, third = [await start(stage) for _ in range(3)]
    for run in (first, second):
        stage.orchestrator.set_state(run.id, "CANCELLED", message="Deployment concurrency limit reached.")
    stage.orchestrator.down = True
    assert (await runs.show(stage.parts, stage.user, first.id)).prefect_state == "Scheduled"
    stage.orchestrator.down = False
    shown = await runs.show(stage.parts, stage.user, first.id)
    assert (shown.status, shown.prefect_state) == (Status.CANCELLED, "Cancelled")
    assert shown.reason == "Deployment concurrency limit reached."
    assert shown.ended_at is not None
    page = await runs.listing(stage.parts, stage.user, "default", None, None, None, None)
    assert {run.id: run.status for run in page.items} == {
        first.id: Status.CANCELLED, second.id: Status.CANCELLED, third.id: None,
    }  # fmt: skip


async def test_a_run_that_is_deleted_in_prefect_before_its_start_has_ended(stage: Scene) -> None:
    first, second = [await start(stage) for _ in range(2)]
    for run in (first, second):
        del stage.orchestrator.runs[run.id]
    shown = await runs.show(stage.parts, stage.user, first.id)
    assert (shown.status, shown.prefect_state) == (Status.CANCELLED, "Deleted")
    assert shown.reason == "The flow run was deleted in Prefect, so it never starts."
    assert shown.ended_at is not None
    cancelled = await runs.cancel(stage.parts, stage.user, second.id, CancelRequest())
    assert (cancelled.status, cancelled.prefect_state) == (Status.CANCELLED, "Deleted")


async def test_following_a_run_that_never_starts_ends(stage: Scene) -> None:
    run = await start(stage)
    stage.orchestrator.set_state(run.id, "CANCELLED")
    events = await logs_live.follow_run(stage.parts, stage.user, run.id, None)
    assert [event.name async for event in events if event.name] == ["end"]


async def test_a_run_with_an_open_attempt_is_not_asked_for(stage: Scene) -> None:
    run = await start(stage)
    await stage.attempt(run.id)
    stage.orchestrator.set_state(run.id, "CANCELLED")
    assert (await runs.show(stage.parts, stage.user, run.id)).status is Status.QUEUED


async def test_listing_is_newest_first_filtered_and_paged(stage: Scene) -> None:
    made = [await stage.attempt() for _ in range(5)]
    ids = [attempt.flow_run_id for attempt in made][::-1]

    async def listed(**filters: object) -> list[str]:
        values = {"flow": None, "status": None} | filters
        found: list[str] = []
        cursor = None
        while True:
            page = await runs.listing(
                stage.parts, stage.user, "default", values["flow"], values["status"], cursor, 2
            )
            found += [run.id for run in page.items]
            cursor = page.cursor
            if cursor is None:
                return found

    assert await listed() == ids
    assert await listed(flow="etl") == ids
    assert await listed(flow=stage.flow_id, status=Status.QUEUED) == ids
    assert await listed(flow="other") == []
    assert await listed(status=Status.FAILED) == []


async def test_strangers_see_nothing(stage: Scene) -> None:
    attempt = await stage.attempt()
    with pytest.raises(NotFound):
        await runs.show(stage.parts, stage.stranger, attempt.flow_run_id)
    with pytest.raises(NotFound):
        await runs.cancel(stage.parts, stage.stranger, attempt.flow_run_id, CancelRequest())
    with pytest.raises(NotFound):
        await runs.listing(stage.parts, stage.stranger, "default", None, None, None, None)
    with pytest.raises(NotFound):
        await runs.start(stage.parts, stage.stranger, stage.flow_id, RunRequest(), None)
    row = await stage.row(WorkloadRow, attempt.workload.id)
    assert row.target == "running"


async def test_cancel_tells_prefect_and_stops_what_runs(stage: Scene) -> None:
    attempt = await stage.attempt()
    detail = await runs.cancel(
        stage.parts, stage.user, attempt.flow_run_id, CancelRequest(reason="wrong day")
    )
    assert detail.prefect_state == "Cancelling"
    assert detail.attempt_list[0].workload.cancel_requested_by == "ana"
    assert await stage.stop_wanted(attempt.workload.id)
    assert stage.orchestrator.runs[attempt.flow_run_id].state_type == "CANCELLING"


async def test_cancel_of_a_run_that_waits_for_its_time_is_over_at_once(stage: Scene) -> None:
    run = await start(stage)
    detail = await runs.cancel(stage.parts, stage.user, run.id, CancelRequest())
    assert (detail.status, detail.prefect_state) == (Status.CANCELLED, "Cancelled")
    assert detail.ended_at is not None
    again = await runs.cancel(stage.parts, stage.user, run.id, CancelRequest())
    assert again == detail


async def test_cancel_while_prefect_is_down_stops_our_side_and_says_so(stage: Scene) -> None:
    attempt = await stage.attempt()
    stage.orchestrator.down = True
    detail = await runs.cancel(stage.parts, stage.user, attempt.flow_run_id, CancelRequest())
    assert "Prefect was not reached" in (detail.reason or "")
    assert await stage.stop_wanted(attempt.workload.id)
    scheduled = stage.orchestrator
    scheduled.down = False
    run = await start(stage)
    scheduled.down = True
    with pytest.raises(OrchestratorUnavailable):
        await runs.cancel(stage.parts, stage.user, run.id, CancelRequest())


async def test_a_suspended_run_can_be_cancelled(stage: Scene) -> None:
    attempt = await stage.attempt()
    async with stage.parts.database.session() as session:
        row = await workloads.locked(session, attempt.workload.id)
        assert row is not None
        for status in (Status.PROVISIONING, Status.STARTING, Status.RUNNING):
            await workloads.move(session, row, status, "test", None, stage.parts.clock.now())
    report = ResultReport(exit_code=0, signal=None, receipt="PAUSED", receipt_state_name="Suspended")
    await launches.result(stage.parts, stage.launcher(attempt.workload.id), attempt.workload.id, report)
    stage.orchestrator.set_state(attempt.flow_run_id, "SCHEDULED", "Resuming")
    detail = await runs.cancel(stage.parts, stage.user, attempt.flow_run_id, CancelRequest())
    assert (detail.status, detail.prefect_state) == (Status.CANCELLED, "Cancelled")
    assert detail.attempt_list[0].status is Status.SUCCEEDED


async def test_cancel_and_settle_race_without_harm(stage: Scene) -> None:
    attempt = await stage.attempt()
    async with stage.parts.database.session() as session:
        row = await workloads.locked(session, attempt.workload.id)
        assert row is not None
        row.ended_at = stage.parts.clock.now()
    told = Settlement(status=Status.CRASHED, prefect_state="Crashed", prefect_state_type="CRASHED")
    await asyncio.gather(
        runs.cancel(stage.parts, stage.user, attempt.flow_run_id, CancelRequest()),
        attempts.settle(stage.parts, stage.agent, attempt.id, told),
    )
    detail = await runs.show(stage.parts, stage.user, attempt.flow_run_id)
    assert detail.status is Status.CRASHED
