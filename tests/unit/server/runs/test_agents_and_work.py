"""What agents see: their work, their room, their pool; and the end of a platform."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from prefect_platform.errors import Forbidden, NotFound
from prefect_platform.server.db.tables import AgentRow, ProjectRow
from prefect_platform.server.services import agents, capacity, ends, runs, shutdown, tokens, work, workloads
from prefect_platform.wire.agents import AgentCreate, AgentReport
from prefect_platform.wire.runs import Attempt, CancelRequest, Status, Work
from prefect_platform.wire.shutdown import ShutdownRequest
from tests.server_scene import GIB, Scene, until

pytestmark = pytest.mark.asyncio


async def now(stage: Scene, after: str | None = None, wait: float = 0) -> Work:
    return await work.work(stage.parts, stage.agent, after, wait)


async def crash(stage: Scene, attempt: Attempt) -> None:
    async with stage.parts.database.session() as session:
        row = await workloads.locked(session, attempt.workload.id)
        assert row is not None
        await ends.crash(session, row, "It never started.", "platform", stage.parts.clock.now())
    workloads.tell(stage.parts, row.project_id)


async def test_work_lists_open_cancelled_and_unsettled(stage: Scene) -> None:
    first, second, third = [await stage.attempt() for _ in range(3)]
    await runs.cancel(stage.parts, stage.user, second.flow_run_id, CancelRequest())
    await crash(stage, third)
    found = await now(stage)
    assert [one.id for one in found.open] == [first.id, second.id]
    assert [one.id for one in found.cancel] == [second.id]
    assert [one.id for one in found.unsettled] == [third.id]
    async with stage.parts.database.session() as session:
        session.add(
            ProjectRow(
                id="pr-other", name="other", orchestrator_url="http://x", created_at=stage.parts.clock.now()
            )
        )
    other = replace(stage.agent, project_id="pr-other")
    empty = await work.work(stage.parts, other, None, 0)
    assert (empty.open, empty.unsettled, empty.cancel) == ([], [], [])


async def test_work_answers_at_once_what_is_new_and_else_when_it_changes(stage: Scene) -> None:
    attempt = await stage.attempt()
    first = await now(stage)
    async with asyncio.timeout(5):
        assert (await now(stage, "another cursor", 30)).cursor == first.cursor
    waiting = asyncio.create_task(now(stage, first.cursor, 30))
    await asyncio.sleep(0.1)
    assert not waiting.done()
    await crash(stage, attempt)
    async with asyncio.timeout(1.5):  # well before it looks again by itself
        changed = await waiting
    assert changed.cursor != first.cursor
    assert [one.id for one in changed.unsettled] == [attempt.id]
    same = await now(stage, changed.cursor, 0.1)
    assert same.cursor == changed.cursor


async def test_work_sees_what_another_replica_did(stage: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "RECHECK_SECONDS", 0.1)
    attempt = await stage.attempt()
    first = await now(stage)
    waiting = asyncio.create_task(now(stage, first.cursor, 30))
    replica = replace(stage, parts=stage.on(stage.parts.database))  # wakes nobody here
    await crash(replica, attempt)
    async with asyncio.timeout(5):
        assert [one.id for one in (await waiting).unsettled] == [attempt.id]


async def test_capacity_counts_room_and_queue(stage: Scene) -> None:
    stage.parts.machine.set(2.0, 8 * GIB)
    found = await capacity.show(stage.parts)
    assert (found.slots, found.total_cores, found.total_memory_bytes) == (4, 4.0, 8 * GIB)
    attempt = await stage.attempt()
    found = await capacity.show(stage.parts)
    assert (found.slots, found.queued, found.free_cores) == (3, 1, 4.0)
    async with stage.parts.database.session() as session:
        row = await workloads.locked(session, attempt.workload.id)
        assert row is not None
        await workloads.move(session, row, Status.PROVISIONING, "test", None, stage.parts.clock.now())
    found = await capacity.show(stage.parts)
    assert (found.slots, found.queued, found.free_cores, found.free_memory_bytes) == (3, 0, 3.0, 7 * GIB)
    await crash(stage, attempt)
    assert (await capacity.show(stage.parts)).slots == 4
    stage.parts.machine.set(100.0, 2 * GIB)
    assert (await capacity.show(stage.parts)).slots == 2, "memory is hard"
    stage.parts.machine.set_unbounded()
    assert (await capacity.show(stage.parts)).slots == capacity.UNBOUNDED_SLOTS
    stage.parts.machine.draining = True
    assert (await capacity.show(stage.parts)).slots == 0


async def test_an_agent_made_again_is_the_same_agent_with_another_token(stage: Scene) -> None:
    first, second = await asyncio.gather(
        *(agents.create(stage.parts, stage.user, "default", AgentCreate(name="second")) for _ in range(2))
    )
    assert first.id == second.id
    assert first.token != second.token
    for made in (first, second):
        caller = await tokens.resolve(stage.parts, made.token)
        assert caller is not None
        assert (caller.subject_id, caller.project_id) == (made.id, stage.agent.project_id)
    page = await agents.listing(stage.parts, stage.user, "default", None, None)
    assert {agent.name for agent in page.items} == {"first", "second"}
    with pytest.raises(NotFound):
        await agents.create(stage.parts, stage.stranger, "default", AgentCreate(name="second"))


async def test_an_agent_reports_itself(stage: Scene) -> None:
    told = AgentReport(version="0.1", prefect_version="3.9.1", work_pool="platform-inst", problem="no room")
    seen = await agents.report(stage.parts, stage.agent, told)
    assert (seen.name, seen.report) == ("first", told)
    assert (await stage.row(AgentRow, seen.id)).last_seen_at == seen.last_seen_at is not None
    with pytest.raises(NotFound, match="create it again"):
        await agents.report(stage.parts, replace(stage.agent, subject_id="ag-gone"), told)


async def test_the_work_pool_is_the_installations(stage: Scene) -> None:
    pool = await agents.work_pool(stage.parts, stage.agent)
    assert pool.name == "platform-inst"
    assert pool.results_block == "default-inst", "of the agent's project, in this installation"
    assert set(pool.base_job_template) == {"job_configuration", "variables"}


async def test_shutdown_cancels_what_is_open_and_tells_what_prefect_missed(stage: Scene) -> None:
    first, second = await stage.attempt(), await stage.attempt()
    del stage.orchestrator.runs[second.flow_run_id]
    asked = asyncio.create_task(shutdown.shutdown(stage.parts, stage.user, ShutdownRequest(grace_seconds=10)))
    await until(lambda: stage.stop_wanted(second.workload.id))
    assert not asked.done()
    for one in (first, second):
        await crash(stage, one)
        async with stage.parts.database.session() as session:
            row = await workloads.attempt_of(session, one.workload.id)
            assert row is not None
            row.settled_at = stage.parts.clock.now()
    async with asyncio.timeout(5):
        answer = await asked
    assert (answer.cancelled, answer.still_open, answer.unsettled) == (2, 0, 0)
    assert [second.flow_run_id in problem for problem in answer.problems] == [True]
    assert stage.orchestrator.runs[first.flow_run_id].state_type == "CANCELLING"
    assert stage.parts.machine.draining


async def test_shutdown_ends_with_its_grace_and_is_the_administrators(stage: Scene) -> None:
    await stage.attempt()
    async with asyncio.timeout(5):
        answer = await shutdown.shutdown(stage.parts, stage.user, ShutdownRequest(grace_seconds=0.2))
    assert (answer.cancelled, answer.still_open) == (1, 1)
    with pytest.raises(Forbidden):
        await shutdown.shutdown(stage.parts, stage.stranger, ShutdownRequest())
