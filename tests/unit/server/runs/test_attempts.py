"""Attempts: once for each Pending state, settled once, whatever comes twice."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from sqlalchemy import func, select

from prefect_platform.errors import Conflict, NotFound, Unavailable, UsageError
from prefect_platform.server.db.tables import AttemptRow, ProjectRow, RunRow, WorkloadRow
from prefect_platform.server.services import attempts, ends, launches, workloads
from prefect_platform.wire.runs import (
    Attempt,
    CancelRequest,
    ResultReport,
    Settlement,
    Status,
    StepReport,
    Target,
)
from tests.server_scene import GIB, Scene

pytestmark = pytest.mark.asyncio


async def advance(stage: Scene, attempt: Attempt, *statuses: Status) -> None:
    """Move an attempt's workload as controller and launcher would."""
    async with stage.parts.database.session() as session:
        row = await workloads.locked(session, attempt.workload.id)
        assert row is not None
        for status in statuses:
            await workloads.move(session, row, status, "test", None, stage.parts.clock.now())


async def ended(stage: Scene, flow_run_id: str | None = None, **report: object) -> Attempt:
    """An attempt whose launcher has reported its end."""
    attempt = await stage.attempt(flow_run_id)
    await advance(stage, attempt, Status.PROVISIONING, Status.STARTING, Status.RUNNING)
    values = {"exit_code": None, "signal": None} | report
    launcher = stage.launcher(attempt.workload.id)
    await launches.result(stage.parts, launcher, attempt.workload.id, ResultReport.model_validate(values))
    return await attempts.show(stage.parts, stage.agent, attempt.id)


def settlement(status: Status, state: str, name: str | None = None, reason: str | None = None) -> Settlement:
    return Settlement(
        status=status, prefect_state=name or state.capitalize(), prefect_state_type=state, reason=reason
    )


async def test_makes_run_attempt_and_queued_workload(stage: Scene) -> None:
    attempt = await stage.attempt()
    assert (attempt.number, attempt.status, attempt.settled_at) == (1, Status.QUEUED, None)
    assert attempt.agent_id == stage.agent.subject_id
    assert [move.status for move in attempt.workload.transitions] == [Status.QUEUED]
    assert (attempt.workload.cores, attempt.workload.memory_bytes) == (1.0, GIB)
    run = await stage.row(RunRow, attempt.flow_run_id)
    assert (run.status, run.prefect_state, run.attempts, run.deployment_name) == (
        "queued", "Pending", 1, "nightly",
    )  # fmt: skip


async def test_ten_submissions_at_once_are_one_attempt(stage: Scene) -> None:
    request = stage.request()
    made = await asyncio.gather(*(attempts.create(stage.parts, stage.agent, request) for _ in range(10)))
    assert len({attempt.id for attempt in made}) == 1
    async with stage.parts.database.reader() as session:
        assert await session.scalar(select(func.count()).select_from(AttemptRow)) == 1
        assert await session.scalar(select(func.count()).select_from(WorkloadRow)) == 1


async def test_different_pending_states_at_once_are_numbered_attempts_of_one_run(stage: Scene) -> None:
    first = stage.request()
    requests = [stage.request(first.flow_run_id) for _ in range(5)]
    made = await asyncio.gather(*(attempts.create(stage.parts, stage.agent, one) for one in requests))
    assert sorted(attempt.number for attempt in made) == [1, 2, 3, 4, 5]
    assert (await stage.row(RunRow, first.flow_run_id)).attempts == 5


async def test_a_retry_is_the_next_attempt_and_reopens_the_run(stage: Scene) -> None:
    first = await ended(stage, receipt="FAILED", last_lines="ValueError: no rows")
    run = await stage.row(RunRow, first.flow_run_id)
    assert (run.status, run.reason, run.prefect_state) == (
        "failed",
        "The flow failed: ValueError: no rows",
        "Failed",
    )
    assert run.ended_at is not None
    second = await stage.attempt(first.flow_run_id)
    assert second.number == 2
    run = await stage.row(RunRow, first.flow_run_id)
    assert (run.status, run.reason, run.ended_at, run.attempts) == ("queued", None, None, 2)


async def test_an_old_attempt_does_not_speak_for_the_run(stage: Scene) -> None:
    first = await ended(stage, exit_code=0)
    await stage.attempt(first.flow_run_id)
    await attempts.settle(stage.parts, stage.agent, first.id, settlement(Status.CRASHED, "CRASHED"))
    run = await stage.row(RunRow, first.flow_run_id)
    assert (run.status, run.ended_at, run.prefect_state) == ("queued", None, "Pending")


@pytest.mark.parametrize("version", ["fv-nowhere", "of another project"])
async def test_a_version_that_is_not_ours_is_refused_in_words(stage: Scene, version: str) -> None:
    agent = stage.agent
    request = stage.request()
    if version == "fv-nowhere":
        request = request.model_copy(update={"flow_version_id": version})
    else:
        agent = replace(agent, project_id="pr-other")
    with pytest.raises(NotFound, match=r"another installation or project.*Register the flow again"):
        await attempts.create(stage.parts, agent, request)


async def test_the_child_of_an_open_run_goes_first(stage: Scene) -> None:
    parent = await stage.attempt()
    child = await stage.attempt(parent_flow_run_id=parent.flow_run_id)
    grandchild = await stage.attempt(parent_flow_run_id=child.flow_run_id)
    orphan = await stage.attempt(parent_flow_run_id="11111111-1111-1111-1111-111111111111")
    found = [
        (await stage.row(WorkloadRow, one.workload.id)).priority
        for one in (parent, child, grandchild, orphan)
    ]
    assert found == [0, 1, 2, 0]


async def test_the_child_of_another_projects_run_does_not_go_first(stage: Scene) -> None:
    parent = await stage.attempt()
    async with stage.parts.database.session() as session:
        at = stage.parts.clock.now()
        session.add(ProjectRow(id="pr-other", name="other", orchestrator_url="http://p/api", created_at=at))
        await session.flush()
        (await session.get_one(AttemptRow, parent.id)).project_id = "pr-other"
    child = await stage.attempt(parent_flow_run_id=parent.flow_run_id)
    assert (await stage.row(WorkloadRow, child.workload.id)).priority == 0


async def test_nothing_new_while_the_platform_is_stopped_but_repeats_are_answered(stage: Scene) -> None:
    request = stage.request()
    made = await attempts.create(stage.parts, stage.agent, request)
    stage.parts.machine.draining = True
    assert (await attempts.create(stage.parts, stage.agent, request)).id == made.id
    with pytest.raises(Unavailable, match="being stopped"):
        await stage.attempt()


@pytest.mark.parametrize(
    ("receipt", "name", "status", "state"),
    [
        ("COMPLETED", None, Status.SUCCEEDED, "Completed"),
        ("FAILED", None, Status.FAILED, "Failed"),
        ("CRASHED", None, Status.CRASHED, "Crashed"),
        ("PAUSED", "Suspended", Status.SUCCEEDED, "Suspended"),
    ],
)
async def test_the_result_settles_in_its_own_transaction(
    stage: Scene, receipt: str, name: str | None, status: Status, state: str
) -> None:
    attempt = await ended(stage, exit_code=0, receipt=receipt, receipt_state_name=name)
    assert attempt.status is status
    assert attempt.settled_at is not None
    run = await stage.row(RunRow, attempt.flow_run_id)
    assert (run.status, run.prefect_state) == (status.value, state)
    assert (run.ended_at is None) == (state == "Suspended")
    assert run.started_at is not None
    assert "suspended" in (attempt.reason or "") if state == "Suspended" else True


async def test_without_a_receipt_it_stays_open_until_it_is_settled(stage: Scene) -> None:
    attempt = await ended(stage, exit_code=0)
    assert (attempt.status, attempt.settled_at) == (Status.RUNNING, None)
    assert attempt.workload.ended_at is not None
    assert "os._exit(0)" in (attempt.reason or "")
    settled = await attempts.settle(
        stage.parts, stage.agent, attempt.id, settlement(Status.CRASHED, "CRASHED")
    )
    assert settled.status is Status.CRASHED
    assert "os._exit(0)" in (settled.reason or "")
    again = await attempts.settle(
        stage.parts, stage.agent, attempt.id, settlement(Status.CANCELLED, "CANCELLED")
    )
    assert (again.status, again.settled_at) == (Status.CRASHED, settled.settled_at)


async def test_a_running_attempt_cannot_be_settled(stage: Scene) -> None:
    attempt = await stage.attempt()
    with pytest.raises(Conflict, match="have not ended"):
        await attempts.settle(stage.parts, stage.agent, attempt.id, settlement(Status.CRASHED, "CRASHED"))
    with pytest.raises(UsageError, match="settle the attempt as failed"):
        await attempts.settle(stage.parts, stage.agent, attempt.id, settlement(Status.CRASHED, "FAILED"))


async def test_a_crash_on_our_own_word_is_still_settled_and_stays_crashed(stage: Scene) -> None:
    attempt = await stage.attempt()
    async with stage.parts.database.session() as session:
        row = await workloads.locked(session, attempt.workload.id)
        assert row is not None
        await ends.crash(session, row, "It never started.", "platform", stage.parts.clock.now())
    settled = await attempts.settle(
        stage.parts, stage.agent, attempt.id, settlement(Status.CANCELLED, "CANCELLED")
    )
    assert (settled.status, settled.reason) == (Status.CRASHED, "It never started.")
    assert settled.settled_at is not None
    assert (await stage.row(RunRow, attempt.flow_run_id)).prefect_state == "Cancelled"


async def test_a_cancel_from_prefect_is_kept_and_may_come_twice_or_late(stage: Scene) -> None:
    attempt = await stage.attempt()
    for reason in ("first", "second"):
        found = await attempts.cancel(stage.parts, stage.agent, attempt.id, CancelRequest(reason=reason))
        assert found.workload.target is Target.STOPPED
        assert found.workload.cancel_requested_by == "Prefect"
    assert (await stage.row(WorkloadRow, attempt.workload.id)).cancel_reason == "first"
    over = await ended(stage, receipt="COMPLETED")
    late = await attempts.cancel(stage.parts, stage.agent, over.id, CancelRequest())
    assert (late.status, late.workload.cancel_requested_by) == (Status.SUCCEEDED, None)


async def test_an_agent_of_another_project_sees_nothing(stage: Scene) -> None:
    attempt = await stage.attempt()
    other = replace(stage.agent, project_id="pr-other")
    with pytest.raises(NotFound):
        await attempts.show(stage.parts, other, attempt.id)
    with pytest.raises(NotFound):
        await attempts.cancel(stage.parts, other, attempt.id, CancelRequest())


async def test_illegal_moves_are_refused_and_repeats_are_not(stage: Scene) -> None:
    attempt = await stage.attempt()
    with pytest.raises(Conflict, match="is queued and cannot become running"):
        await advance(stage, attempt, Status.RUNNING)
    await advance(stage, attempt, Status.PROVISIONING, Status.STARTING, Status.RUNNING, Status.STARTING)
    found = await attempts.show(stage.parts, stage.agent, attempt.id)
    assert [move.status for move in found.workload.transitions] == [
        Status.QUEUED, Status.PROVISIONING, Status.STARTING, Status.RUNNING,
    ]  # fmt: skip
    launcher = stage.launcher(attempt.workload.id)
    report = StepReport(name="running", at=stage.parts.clock.now())
    await launches.step(stage.parts, launcher, attempt.workload.id, report)
    view = await launches.step(stage.parts, launcher, attempt.workload.id, report)
    assert [step.name for step in view.steps] == ["running"]
