"""Runs that stand in an agent's own Prefect: theirs to settle, and nobody asks the project's for them."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from prefect_platform.errors import Conflict, ForeignAttempt
from prefect_platform.server.db.tables import AgentRow, AttemptRow, ResourceRow, RunRow, WorkloadRow
from prefect_platform.server.services import attempts, ends, resources, runs, shutdown, work, workloads
from prefect_platform.server.services.callers import Caller
from prefect_platform.wire.resources import ResourceCreate, ResourceKind, ResourceUpdate
from prefect_platform.wire.runs import Attempt, CancelRequest, Settlement, Status, Work
from prefect_platform.wire.shutdown import ShutdownRequest
from tests.server_scene import Scene, until

pytestmark = pytest.mark.asyncio
ELSEWHERE = "https://prefect.example/api"


async def agent(stage: Scene, name: str, url: str | None = ELSEWHERE) -> Caller:
    """An agent that the platform keeps; by default one with a Prefect of its own."""
    request = ResourceCreate(
        kind=ResourceKind.PREFECT_AGENT, name=name, spec={"prefect_api_url": url} if url else {}
    )
    made = await resources.create(stage.parts, stage.user, "default", request)
    await starts(stage, made.id, made.spec.get("prefect_api_url"))
    return replace(stage.agent, subject_id=made.id)


async def starts(stage: Scene, agent_id: str, url: str | None) -> None:
    """A start of the agent is told to talk to this Prefect."""
    async with stage.parts.database.session() as session:
        (await session.get_one(AgentRow, agent_id)).orchestrator_url = url


async def settle(stage: Scene, by: Caller, attempt: Attempt) -> Attempt:
    said = Settlement(status=Status.CRASHED, prefect_state="Crashed", prefect_state_type="CRASHED")
    return await attempts.settle(stage.parts, by, attempt.id, said)


async def taken(stage: Scene, by: Caller) -> Attempt:
    """An attempt at a run of this agent's Prefect, of which that of the project knows nothing."""
    found = await replace(stage, agent=by).attempt()
    del stage.orchestrator.runs[found.flow_run_id]
    return found


async def crash(stage: Scene, attempt: Attempt, *, settled: bool = False) -> None:
    async with stage.parts.database.session() as session:
        row = await workloads.locked(session, attempt.workload.id)
        assert row is not None
        await ends.crash(session, row, "It never started.", "platform", stage.parts.clock.now())
        if settled:
            (await session.get_one(AttemptRow, attempt.id)).settled_at = stage.parts.clock.now()
    workloads.tell(stage.parts, row.project_id)


async def between_attempts(stage: Scene, by: Caller) -> Attempt:
    """A run whose next attempt waits in its Prefect."""
    attempt = await taken(stage, by)
    async with stage.parts.database.session() as session:
        now = stage.parts.clock.now()
        workload = await session.get_one(WorkloadRow, attempt.workload.id)
        workload.status, workload.ended_at = Status.SUCCEEDED.value, now
        (await session.get_one(AttemptRow, attempt.id)).settled_at = now
        run = await session.get_one(RunRow, attempt.flow_run_id)
        run.status, run.prefect_state = Status.SUCCEEDED.value, "Scheduled"
    return attempt


async def seen(stage: Scene, by: Caller) -> Work:
    return await work.work(stage.parts, by, None, 0)


async def test_each_agent_hears_of_the_runs_of_its_own_prefect_alone(stage: Scene) -> None:
    far, beside, near = (
        await agent(stage, "far"),
        await agent(stage, "beside"),
        await agent(stage, "near", None),
    )
    same = await agent(stage, "same", stage.parts.config.orchestrator.url + "/")
    theirs, ours = await taken(stage, far), await stage.attempt()
    for caller in (far, beside):
        assert [one.id for one in (await seen(stage, caller)).open] == [theirs.id]
    for caller in (near, same, stage.agent):
        assert [one.id for one in (await seen(stage, caller)).open] == [ours.id]
    await crash(stage, theirs)
    assert [one.id for one in (await seen(stage, beside)).unsettled] == [theirs.id]
    assert (await seen(stage, stage.agent)).unsettled == []


async def test_only_an_agent_of_its_prefect_settles_or_stops_an_attempt(stage: Scene) -> None:
    far, beside = await agent(stage, "far"), await agent(stage, "beside")
    other = await agent(stage, "other", "https://other.example/api")
    theirs, ours = await taken(stage, far), await stage.attempt()
    for caller, attempt in ((stage.agent, theirs), (other, theirs), (far, ours)):
        with pytest.raises(ForeignAttempt, match=r"another Prefect than agent .* talks to"):
            await attempts.cancel(stage.parts, caller, attempt.id, CancelRequest(reason="x"))
    for attempt in (theirs, ours):
        await crash(stage, attempt)
    for caller, attempt in ((stage.agent, theirs), (other, theirs), (far, ours)):
        with pytest.raises(ForeignAttempt):
            await settle(stage, caller, attempt)
    assert (await stage.row(AttemptRow, theirs.id)).settled_at is None
    for caller, attempt in ((beside, theirs), (stage.agent, ours)):
        assert (await settle(stage, caller, attempt)).settled_at is not None


async def test_a_changed_address_moves_no_run(stage: Scene) -> None:
    """Neither the change of the spec nor the next start, which talks to another Prefect."""
    far = await agent(stage, "far")
    attempt = await taken(stage, far)
    spec = {"prefect_api_url": "https://new.example/api"}
    for step in ("spec", "start"):
        if step == "spec":
            request = ResourceUpdate(spec=spec)
            await resources.update(
                stage.parts, stage.user, "default", ResourceKind.PREFECT_AGENT, "far", request
            )
        else:
            await agent(stage, "stays")
            await starts(stage, str(far.subject_id), spec["prefect_api_url"])
        shown = await runs.show(stage.parts, stage.user, attempt.flow_run_id)
        assert shown.url == f"https://prefect.example/v2/runs/flow-run/{attempt.flow_run_id}"
        assert (await seen(stage, stage.agent)).open == []
        assert bool((await seen(stage, far)).open) is (step == "spec")


async def test_what_stands_where_no_agent_talks_to_any_more_is_anybodys_to_end(stage: Scene) -> None:
    far = await agent(stage, "far")
    attempt = await taken(stage, far)
    await crash(stage, attempt)
    await starts(stage, str(far.subject_id), "https://new.example/api")
    for caller in (far, stage.agent):
        assert [one.id for one in (await seen(stage, caller)).unsettled] == [attempt.id]
    assert (await settle(stage, far, attempt)).settled_at is not None


async def test_what_a_deleted_agent_has_left_is_the_projects(stage: Scene) -> None:
    far = await agent(stage, "far")
    attempt = await taken(stage, far)
    await crash(stage, attempt)
    async with stage.parts.database.session() as session:
        row = await session.get_one(ResourceRow, str(far.subject_id))
        row.deleted_at = stage.parts.clock.now()
    assert [one.id for one in (await seen(stage, stage.agent)).unsettled] == [attempt.id]
    shown = await runs.show(stage.parts, stage.user, attempt.flow_run_id)
    assert shown.url.startswith("https://prefect.example/v2/"), "it was there, and its page still is"


async def test_a_run_between_two_attempts_is_not_deleted_and_its_link_leads_to_its_prefect(
    stage: Scene,
) -> None:
    attempt = await between_attempts(stage, await agent(stage, "far"))
    for shown in (
        await runs.show(stage.parts, stage.user, attempt.flow_run_id),
        *(await runs.listing(stage.parts, stage.user, "default", None, None, None, None)).items,
    ):
        assert (shown.prefect_state, shown.ended_at) == ("Scheduled", None)
        assert shown.url == f"https://prefect.example/v2/runs/flow-run/{attempt.flow_run_id}"


async def test_a_cancel_goes_to_its_agent(stage: Scene) -> None:
    far = await agent(stage, "far")
    attempt = await taken(stage, far)
    stage.orchestrator.down = True
    for _ in range(2):
        shown = await runs.cancel(stage.parts, stage.user, attempt.flow_run_id, CancelRequest())
        assert shown.ended_at is None
    assert await stage.stop_wanted(attempt.workload.id)
    assert [one.id for one in (await seen(stage, far)).cancel] == [attempt.id]


async def test_a_cancel_of_what_waits_there_says_where(stage: Scene) -> None:
    attempt = await between_attempts(stage, await agent(stage, "far"))
    with pytest.raises(Conflict, match=f"stands in Prefect at {ELSEWHERE}.*cancel it there"):
        await runs.cancel(stage.parts, stage.user, attempt.flow_run_id, CancelRequest())


async def test_a_flow_that_goes_ends_them_and_asks_nobody(stage: Scene) -> None:
    far = await agent(stage, "far")
    going, waiting = await taken(stage, far), await between_attempts(stage, far)
    stage.orchestrator.down = True
    for attempt in (going, waiting):
        await runs.end(stage.parts, attempt.flow_run_id, "ana", "The flow goes.")
    assert await stage.stop_wanted(going.workload.id)
    assert (await stage.row(RunRow, waiting.flow_run_id)).prefect_state == "Scheduled"


async def test_a_shutdown_leaves_them_to_their_agent(stage: Scene) -> None:
    theirs, ours = await taken(stage, await agent(stage, "far")), await stage.attempt()
    asked = asyncio.create_task(shutdown.shutdown(stage.parts, stage.user, ShutdownRequest(grace_seconds=10)))
    await until(lambda: stage.stop_wanted(theirs.workload.id))
    for one in (theirs, ours):
        await crash(stage, one, settled=True)
    async with asyncio.timeout(5):
        answer = await asked
    assert (answer.cancelled, answer.problems) == (2, [])
    assert theirs.flow_run_id not in stage.orchestrator.runs
    assert stage.orchestrator.runs[ours.flow_run_id].state_type == "CANCELLING"
