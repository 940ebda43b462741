"""Deleting a flow: what goes, what stays, who is refused, and an end at every step."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import func, select

from prefect_platform.errors import Conflict, NotFound, OrchestratorUnavailable
from prefect_platform.server.db.engine import Database
from prefect_platform.server.db.tables import (
    BundleRow,
    DeploymentRow,
    FlowRow,
    FlowVersionRow,
    RunRow,
    WorkloadRow,
)
from prefect_platform.server.services import (
    attempts,
    bundles,
    deletion_plans,
    deletions,
    flows,
    registration,
    runs,
)
from prefect_platform.server.services.deletion_steps import Step
from prefect_platform.server.services.orchestrator_memory import MemoryOrchestrator
from prefect_platform.server.services.parts import Parts
from prefect_platform.wire.deletions import Deletion, DeletionState
from prefect_platform.wire.flows import ConfirmRequest, FlowState, RunRequest
from tests import server_calls
from tests.server_scene import Scene, scene

pytestmark = pytest.mark.asyncio
DATA = b"the bytes of a bundle"


@pytest_asyncio.fixture
async def stage(database_url: str, tmp_path: Path) -> AsyncIterator[Scene]:
    """The scene's flow with a schedule, an automation, and the bytes of its bundle."""
    async with scene(database_url, tmp_path) as made:
        known = made.orchestrator.deployments[made.deployment_id]
        known.schedules = [{"id": "s1", "schedule": {"cron": "0 2 * * *"}, "active": True}]
        known.automations = ["when late"]
        sha256 = server_calls.sha256(DATA)
        await made.parts.blobs.put(sha256, server_calls.pieces(DATA), 1000)
        async with made.parts.database.session() as session:
            row = (await session.scalars(select(BundleRow))).one()
            row.sha256, row.size = sha256, len(DATA)
        yield made


async def delete(stage: Scene, *, cancel_runs: bool = False) -> Deletion:
    return await deletions.delete_flow(stage.parts, stage.user, stage.flow_id, cancel_runs=cancel_runs)


async def count(parts: Parts, kind: type[object]) -> int:
    async with parts.database.reader() as session:
        return (await session.scalars(select(func.count()).select_from(kind))).one()


async def check_gone(stage: Scene) -> None:
    """Nothing is left of the flow but its runs and the versions that they name."""
    parts = stage.parts
    assert stage.deployment_id not in stage.orchestrator.deployments
    assert (await flows.listing(parts, stage.user, "default", None, None, None)).items == []
    assert await count(parts, DeploymentRow) == 0
    assert await parts.blobs.size(server_calls.sha256(DATA)) is None
    row = await stage.row(FlowRow, stage.flow_id)
    assert (row.deleting_at, row.deleting_problem) == (None, None)
    assert row.deleted_at is not None


async def test_a_plan_tells_and_changes_nothing(stage: Scene) -> None:
    made = await stage.attempt()
    plan = await deletion_plans.plan(stage.parts, stage.user, stage.flow_id)
    [deployment] = plan.deployments
    assert deployment.schedules == ["cron 0 2 * * *"]
    assert deployment.automations == ["when late"]
    assert (plan.versions, plan.runs_kept, plan.run_days, plan.log_days) == (1, 1, 365, 90)
    assert [(one.id, one.status) for one in plan.open_runs] == [(made.flow_run_id, "queued")]
    assert [one.size for one in plan.bundles] == [len(DATA)]
    assert (await flows.show(stage.parts, stage.user, stage.flow_id)).state is FlowState.READY
    await stage.settle(made)
    assert (await deletion_plans.plan(stage.parts, stage.user, stage.flow_id)).open_run_count == 0


async def test_a_plan_while_prefect_is_down_says_so(stage: Scene) -> None:
    stage.orchestrator.down = True
    plan = await deletion_plans.plan(stage.parts, stage.user, stage.flow_id)
    assert [one.schedules for one in plan.deployments] == [[]]
    assert "does not answer" in (plan.problem or "")


async def test_all_of_it_goes_and_again_is_nothing(stage: Scene) -> None:
    done = await delete(stage)
    assert (done.state, done.reason, done.flow_name) == (DeletionState.DELETED, None, "etl")
    await check_gone(stage)
    assert await count(stage.parts, FlowVersionRow) == 0
    assert await count(stage.parts, BundleRow) == 0
    assert (await delete(stage)).state is DeletionState.DELETED


async def test_runs_and_the_versions_they_name_stay(stage: Scene) -> None:
    made = await stage.attempt()
    await stage.settle(made)
    await stage.version()
    await delete(stage)
    await check_gone(stage)
    assert await count(stage.parts, FlowVersionRow) == 1
    shown = await runs.show(stage.parts, stage.user, made.flow_run_id)
    assert (shown.flow_name, shown.version_number) == ("etl", 1)


async def test_code_that_another_flow_uses_stays(stage: Scene) -> None:
    other = await registration.register(
        stage.parts, stage.user, "default", server_calls.registration(flow="other")
    )
    plan = await deletion_plans.plan(stage.parts, stage.user, stage.flow_id)
    assert plan.bundles == []
    await delete(stage)
    assert await stage.parts.blobs.size(server_calls.sha256(DATA)) == len(DATA)
    await deletions.delete_flow(stage.parts, stage.user, other.flow.id, cancel_runs=False)
    assert await stage.parts.blobs.size(server_calls.sha256(DATA)) is None


async def test_open_runs_are_named_and_nothing_is_touched(stage: Scene) -> None:
    made = await stage.attempt()
    waiting = await runs.start(stage.parts, stage.user, stage.flow_id, RunRequest(), None)
    with pytest.raises(Conflict, match=r"has 2 open runs: .*brave-otter \(queued\).*--cancel-runs") as caught:
        await delete(stage)
    assert set(caught.value.data["runs"]) == {made.flow_run_id, waiting.id}
    assert f"{waiting.name} (scheduled)" in caught.value.message
    assert stage.deployment_id in stage.orchestrator.deployments
    assert (await flows.show(stage.parts, stage.user, stage.flow_id)).state is FlowState.READY


async def test_open_runs_are_cancelled_with_it(stage: Scene) -> None:
    made = await stage.attempt()
    waiting = await runs.start(stage.parts, stage.user, stage.flow_id, RunRequest(), None)
    assert (await delete(stage, cancel_runs=True)).state is DeletionState.DELETED
    assert await stage.stop_wanted(made.workload.id)
    assert (await stage.row(WorkloadRow, made.workload.id)).cancel_requested_by == "ana"
    assert stage.orchestrator.runs[made.flow_run_id].state_type == "CANCELLING"
    row = await stage.row(RunRow, waiting.id)
    assert (row.status, row.reason) == ("cancelled", "Flow 'etl' was deleted by ana.")
    assert await stage.parts.blobs.size(server_calls.sha256(DATA)), "its launcher may be fetching it"
    await stage.settle(made)
    await bundles.reap(replace(stage.parts, clock=await later(2)))
    await check_gone(stage)


async def test_runs_that_prefect_forgot_do_not_stand_in_the_way(stage: Scene) -> None:
    waiting = await runs.start(stage.parts, stage.user, stage.flow_id, RunRequest(), None)
    del stage.orchestrator.runs[waiting.id]
    assert (await delete(stage)).state is DeletionState.DELETED


async def test_prefect_down_is_told_and_made_up_for(stage: Scene) -> None:
    stage.orchestrator.down = True
    for _ in range(2):
        told = await delete(stage)
        assert told.state is DeletionState.DELETING
        assert "does not answer" in (told.reason or "")
    shown = await flows.show(stage.parts, stage.user, stage.flow_id)
    assert shown.state is FlowState.DELETING
    assert "by ana since" in (shown.reason or "")
    assert "does not answer" in (shown.reason or "")
    assert await deletions.sweep(stage.parts) == 0
    stage.orchestrator.down = False
    assert await deletions.sweep(stage.parts) == 1
    assert await deletions.sweep(stage.parts) == 0
    await check_gone(stage)


async def test_nothing_begins_while_it_goes(stage: Scene) -> None:
    old = await stage.attempt()
    stage.orchestrator.down = True
    await delete(stage, cancel_runs=True)
    stage.orchestrator.down = False
    with pytest.raises(Conflict, match=r"is being deleted since .* by ana"):
        await registration.register(stage.parts, stage.user, "default", await same_flow(stage))
    with pytest.raises(Conflict, match="is being deleted"):
        await runs.start(stage.parts, stage.user, stage.flow_id, RunRequest(), None)
    with pytest.raises(NotFound, match="flow 'etl', which was deleted: register"):
        await attempts.create(stage.parts, stage.agent, stage.request())
    again = stage.request(old.flow_run_id, pending_state_id=old.pending_state_id)
    assert (await attempts.create(stage.parts, stage.agent, again)).id == old.id
    await deletions.sweep(stage.parts)
    with pytest.raises(NotFound, match="was deleted"):
        await attempts.create(stage.parts, stage.agent, stage.request())
    revived = await registration.register(stage.parts, stage.user, "default", await same_flow(stage))
    assert (revived.flow.id, revived.flow.state) == (stage.flow_id, FlowState.READY)
    assert (await attempts.create(stage.parts, stage.agent, stage.request())).number == 1


async def same_flow(stage: Scene) -> object:
    """What the scene's flow is registered with, under the identity that it has in the database."""
    mark = registration.identity("default", "etl", "http://127.0.0.1:4200/api")
    async with stage.parts.database.session() as session:
        (await session.get_one(FlowRow, stage.flow_id)).identity = mark
    return server_calls.registration()


async def test_a_registration_that_was_under_way_is_taken_along(stage: Scene) -> None:
    request = await same_flow(stage)
    made = await registration.register(stage.parts, stage.user, "default", request)
    stage.orchestrator.down = True
    await delete(stage)
    late = stage.orchestrator.add_deployment("late")
    told = ConfirmRequest(
        deployment_name="late", prefect_deployment_id=late, prefect_flow_id="f", spec_digest="d" * 64
    )
    with pytest.raises(Conflict, match="is being deleted"):
        await registration.confirm(stage.parts, stage.user, made.version.id, told)
    stage.orchestrator.down = False
    assert await deletions.sweep(stage.parts) == 1
    assert stage.orchestrator.deployments == {}
    await check_gone(stage)


async def test_a_registration_that_comes_after_the_deletion_is_told_so(stage: Scene) -> None:
    """What it has told Prefect is for it to take back: here nobody knows of it."""
    made = await registration.register(stage.parts, stage.user, "default", await same_flow(stage))
    await delete(stage)
    told = ConfirmRequest(
        deployment_name="late", prefect_deployment_id="dp", prefect_flow_id="f", spec_digest="d" * 64
    )
    for caller in (stage.user, stage.stranger):
        with pytest.raises(NotFound, match=r"deleted while it is registered .* Register it again"):
            await registration.confirm(stage.parts, caller, made.version.id, told)
    await check_gone(stage)


async def test_strangers_learn_nothing(stage: Scene) -> None:
    for call in (
        deletions.delete_flow(stage.parts, stage.stranger, stage.flow_id, cancel_runs=True),
        deletion_plans.plan(stage.parts, stage.stranger, stage.flow_id),
        deletions.delete_flow(stage.parts, stage.user, "fl-none", cancel_runs=True),
        deletion_plans.plan(stage.parts, stage.user, "fl-none"),
    ):
        with pytest.raises(NotFound):
            await call
    assert stage.deployment_id in stage.orchestrator.deployments


class Killed(BaseException):
    """The server ends here."""


class Fragile(MemoryOrchestrator):
    """Prefect, whose caller is killed at the n-th thing it asks, before or after it is done."""

    def __init__(self, around: MemoryOrchestrator, at: int, *, after: bool) -> None:
        super().__init__()
        self.deployments, self.runs = around.deployments, around.runs
        self.left, self.after = at, after

    async def cancel_run(self, flow_run_id: str, reason: str):  # type: ignore[no-untyped-def]
        self._maybe(after=False)
        found = await super().cancel_run(flow_run_id, reason)
        self._maybe(after=True)
        return found

    async def delete_deployment(self, deployment_id: str) -> None:
        self._maybe(after=False)
        await super().delete_deployment(deployment_id)
        self._maybe(after=True)

    def _maybe(self, *, after: bool) -> None:
        if after == self.after:
            self.left -= 1
            if self.left == 0:
                raise Killed


async def crowded(stage: Scene) -> None:
    """Two deployments, an attempt that goes on, and a run that waits."""
    async with stage.parts.database.session() as session:
        session.add(
            DeploymentRow(
                id="dp-2", flow_id=stage.flow_id, name="hourly", version_id=stage.version_id,
                prefect_deployment_id=stage.orchestrator.add_deployment("hourly"), prefect_flow_id="pf-1",
                spec_digest="d" * 64, updated_at=stage.parts.clock.now(),
            )
        )  # fmt: skip
    await stage.attempt()
    await runs.start(stage.parts, stage.user, stage.flow_id, RunRequest(deployment_name="hourly"), None)


@pytest.mark.parametrize("again", ["sweep", "call"])
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("at", [1, 2, 3, 4])
async def test_an_end_at_any_call_of_prefect_is_made_up_for(
    stage: Scene, at: int, after: bool, again: str
) -> None:
    await crowded(stage)
    killed = replace(stage.parts, orchestrator=Fragile(stage.orchestrator, at, after=after))
    with pytest.raises(Killed):
        await deletions.delete_flow(killed, stage.user, stage.flow_id, cancel_runs=True)
    await check_says_so(stage)
    await finish(stage, again)


@pytest.mark.parametrize("again", ["sweep", "call"])
@pytest.mark.parametrize("step", list(Step))
async def test_an_end_before_any_step_is_made_up_for(
    stage: Scene, step: Step, again: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await crowded(stage)
    if step is Step.REMOVE_BUNDLE:  # an open attempt holds it
        [open_] = await attempts_of(stage)
        await stage.settle(open_)
    taken = deletions._take

    async def take(parts: Parts, flow_id: str, move: deletions.Move, asked: set[str]) -> None:
        if move.step is step:
            raise Killed
        await taken(parts, flow_id, move, asked)

    with monkeypatch.context() as patched:
        patched.setattr(deletions, "_take", take)
        with pytest.raises(Killed):
            await delete(stage, cancel_runs=True)
    await check_says_so(stage)
    await finish(stage, again)


async def test_an_end_between_the_bytes_and_the_row_of_a_bundle(
    stage: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    forget = stage.parts.blobs.delete

    async def killed(sha256: str) -> None:
        await forget(sha256)
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(stage.parts.blobs, "delete", killed)
        with pytest.raises(Killed):
            await delete(stage)
    assert await count(stage.parts, BundleRow) == 1
    await check_says_so(stage)
    await finish(stage, "sweep")
    assert await count(stage.parts, BundleRow) == 0


async def attempts_of(stage: Scene):  # type: ignore[no-untyped-def]
    from prefect_platform.server.db.tables import AttemptRow

    async with stage.parts.database.reader() as session:
        found = (await session.scalars(select(AttemptRow.id))).all()
    return [await attempts.show(stage.parts, stage.agent, one) for one in found]


async def check_says_so(stage: Scene) -> None:
    """Half-way the flow is listed, and never as if nothing were the matter."""
    [shown] = (await flows.listing(stage.parts, stage.user, "default", None, None, None)).items
    assert shown.state is FlowState.DELETING


async def finish(stage: Scene, again: str) -> None:
    if again == "sweep":
        assert await deletions.sweep(stage.parts) == 1
    else:
        assert (await delete(stage)).state is DeletionState.DELETED
    known = stage.orchestrator.runs.values()
    assert {run.state_type for run in known} <= {"CANCELLED", "CANCELLING", "COMPLETED"}
    for one in await attempts_of(stage):
        if one.settled_at is None:
            assert await stage.stop_wanted(one.workload.id)
            await stage.settle(one)
    await bundles.reap(replace(stage.parts, clock=await later(2)))
    await check_gone(stage)


async def test_two_replicas_at_one_deletion(stage: Scene, database_url: str) -> None:
    import asyncio

    await crowded(stage)
    stage.orchestrator.down = True
    await delete(stage, cancel_runs=True)
    stage.orchestrator.down = False
    database = Database(database_url)
    other = stage.on(database)
    await asyncio.gather(*(deletions.sweep(parts) for parts in (stage.parts, other, stage.parts, other)))
    for one in await attempts_of(stage):
        await stage.settle(one)
    await bundles.reap(replace(stage.parts, clock=await later(2)))
    await check_gone(stage)
    await database.aclose()


async def test_a_refusal_of_prefect_leaves_a_word_and_is_tried_again(stage: Scene) -> None:
    class Broken(MemoryOrchestrator):
        async def delete_deployment(self, deployment_id: str) -> None:
            raise OrchestratorUnavailable(f"Prefect answers 500 to {deployment_id}.")

    told = await deletions.delete_flow(
        replace(stage.parts, orchestrator=Broken()), stage.user, stage.flow_id, cancel_runs=False
    )
    assert told.reason == f"Prefect answers 500 to {stage.deployment_id}."
    assert await deletions.sweep(stage.parts) == 1


async def later(days: float):  # type: ignore[no-untyped-def]
    """A clock that is so many days ahead of the system's."""
    from datetime import UTC, datetime

    from prefect_platform.testing.manual_clock import ManualClock

    clock = ManualClock()
    await clock.advance((datetime.now(UTC) - clock.now()).total_seconds() + days * 86400)
    return clock
