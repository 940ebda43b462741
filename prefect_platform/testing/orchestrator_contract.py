"""What every `Orchestrator` does. Subclass it, and give the fixture `stage`.

class TestMine(OrchestratorContract):
    @pytest_asyncio.fixture
    async def stage(self): ...
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol

import pytest

from prefect_platform.errors import NotFound
from prefect_platform.server.services.orchestrator import Orchestrator


class Stage(Protocol):
    """An orchestrator, and the means to arrange what it talks to."""

    orchestrator: Orchestrator

    async def deployment(self, crons: Sequence[str] = ()) -> str:
        """The id of a new deployment with these schedules."""
        ...

    async def task(self, flow_run_id: str, key: str, upstream: Sequence[str], parent: str | None) -> str:
        """The id of a new task run that took results of others and was called by `parent`."""
        ...

    async def report(self, flow_run_id: str, state_type: str) -> None:
        """Put a flow run into a state, as an engine or agent would."""
        ...


class OrchestratorContract:
    """The suite. Each test makes what it needs and depends on nothing else."""

    @pytest.mark.asyncio
    async def test_it_answers_with_a_version(self, stage: Stage) -> None:
        assert await stage.orchestrator.check()

    @pytest.mark.asyncio
    async def test_a_run_is_made_and_read(self, stage: Stage) -> None:
        deployment = await stage.deployment()
        made = await stage.orchestrator.create_run(deployment, {}, ["a-tag"], None, None)
        assert (made.state_type, made.end_time) == ("SCHEDULED", None)
        absent = str(uuid.uuid4())
        found = await stage.orchestrator.read_runs([made.flow_run_id, absent])
        assert set(found) == {made.flow_run_id}
        assert found[made.flow_run_id].name == made.name

    @pytest.mark.asyncio
    async def test_nothing_is_read_for_nothing(self, stage: Stage) -> None:
        assert await stage.orchestrator.read_runs([]) == {}

    @pytest.mark.asyncio
    async def test_one_key_makes_one_run(self, stage: Stage) -> None:
        deployment, key = await stage.deployment(), str(uuid.uuid4())
        first = await stage.orchestrator.create_run(deployment, {}, [], None, key)
        again = await stage.orchestrator.create_run(deployment, {}, [], None, key)
        other = await stage.orchestrator.create_run(deployment, {}, [], None, None)
        assert again.flow_run_id == first.flow_run_id != other.flow_run_id

    @pytest.mark.asyncio
    async def test_a_run_of_what_is_not_there(self, stage: Stage) -> None:
        with pytest.raises(NotFound):
            await stage.orchestrator.create_run(str(uuid.uuid4()), {}, [], None, None)

    @pytest.mark.asyncio
    async def test_a_run_for_later(self, stage: Stage) -> None:
        due = datetime.now(UTC) + timedelta(hours=1)
        made = await stage.orchestrator.create_run(await stage.deployment(), {}, [], due, None)
        assert (made.state_type, made.start_time) == ("SCHEDULED", None)

    @pytest.mark.asyncio
    async def test_a_run_that_has_not_started_is_cancelled_at_once(self, stage: Stage) -> None:
        made = await stage.orchestrator.create_run(await stage.deployment(), {}, [], None, None)
        cancelled = await stage.orchestrator.cancel_run(made.flow_run_id, "no longer wanted")
        assert cancelled.state_type == "CANCELLED"
        assert cancelled.end_time is not None

    @pytest.mark.asyncio
    @pytest.mark.parametrize("state", ["PENDING", "RUNNING"])
    async def test_a_run_that_has_started_is_cancelling(self, stage: Stage, state: str) -> None:
        made = await stage.orchestrator.create_run(await stage.deployment(), {}, [], None, None)
        await stage.report(made.flow_run_id, state)
        for _ in range(2):
            found = await stage.orchestrator.cancel_run(made.flow_run_id, "no longer wanted")
            assert found.state_type == "CANCELLING"

    @pytest.mark.asyncio
    @pytest.mark.parametrize("state", ["COMPLETED", "FAILED", "CRASHED", "CANCELLED"])
    async def test_a_run_that_has_ended_stays_as_it_is(self, stage: Stage, state: str) -> None:
        made = await stage.orchestrator.create_run(await stage.deployment(), {}, [], None, None)
        await stage.report(made.flow_run_id, "RUNNING")
        await stage.report(made.flow_run_id, state)
        assert (await stage.orchestrator.cancel_run(made.flow_run_id, "late")).state_type == state

    @pytest.mark.asyncio
    async def test_cancelling_what_is_not_there(self, stage: Stage) -> None:
        with pytest.raises(NotFound):
            await stage.orchestrator.cancel_run(str(uuid.uuid4()), "nobody")

    @pytest.mark.asyncio
    async def test_schedules_are_paused_and_resumed_one_by_one(self, stage: Stage) -> None:
        deployment = await stage.deployment(["0 2 * * *", "0 3 * * *"])
        first, second = await stage.orchestrator.list_schedules(deployment)
        await stage.orchestrator.set_schedule_active(deployment, first["id"], active=False)
        found = {one["id"]: one["active"] for one in await stage.orchestrator.list_schedules(deployment)}
        assert found == {first["id"]: False, second["id"]: True}
        await stage.orchestrator.set_schedule_active(deployment, first["id"], active=True)
        assert all(one["active"] for one in await stage.orchestrator.list_schedules(deployment))

    @pytest.mark.asyncio
    async def test_schedules_of_what_is_not_there(self, stage: Stage) -> None:
        with pytest.raises(NotFound):
            await stage.orchestrator.list_schedules(str(uuid.uuid4()))
        with pytest.raises(NotFound):
            await stage.orchestrator.set_schedule_active(
                await stage.deployment(), str(uuid.uuid4()), active=False
            )

    @pytest.mark.asyncio
    async def test_a_run_says_what_it_was_started_with(self, stage: Stage) -> None:
        given = {"day": "2013-01-05", "n": 1 << 60, "deep": {"list": [1.5, None, "<b>\u202e"]}}
        run = await stage.orchestrator.create_run(await stage.deployment(), given, [], None, None)
        assert await stage.orchestrator.run_parameters(run.flow_run_id) == given
        bare = await stage.orchestrator.create_run(await stage.deployment(), {}, [], None, None)
        assert await stage.orchestrator.run_parameters(bare.flow_run_id) == {}
        with pytest.raises(NotFound):
            await stage.orchestrator.run_parameters(str(uuid.uuid4()))

    @pytest.mark.asyncio
    async def test_task_runs_say_what_they_waited_for(self, stage: Stage) -> None:
        run = await stage.orchestrator.create_run(await stage.deployment(), {}, [], None, None)
        first = await stage.task(run.flow_run_id, "load", [], None)
        second = await stage.task(run.flow_run_id, "split", [first, first], None)
        third = await stage.task(run.flow_run_id, "inner", [], second)
        found = {one.id: one for one in await stage.orchestrator.task_runs(run.flow_run_id, 10)}
        assert [(found[key].task_key, found[key].upstream) for key in (first, second, third)] == [
            ("load", ()),
            ("split", (first,)),
            ("inner", ()),
        ]
        assert [found[key].parent_id for key in (first, second, third)] == [None, None, second]
        assert {(one.state_type, one.end_time) for one in found.values()} == {("PENDING", None)}
        assert len(await stage.orchestrator.task_runs(run.flow_run_id, 2)) == 2
        assert await stage.orchestrator.task_runs(str(uuid.uuid4()), 10) == []

    @pytest.mark.asyncio
    async def test_the_next_runs_are_those_that_wait_the_first_due_first(self, stage: Stage) -> None:
        mine, other = await stage.deployment(), await stage.deployment()
        due = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
        late, soon, taken = [
            await stage.orchestrator.create_run(mine, {}, [], due + timedelta(hours=hours), None)
            for hours in (2, 0, 1)
        ]
        elsewhere = await stage.orchestrator.create_run(other, {}, [], due + timedelta(hours=1), None)
        await stage.report(taken.flow_run_id, "PENDING")
        found = await stage.orchestrator.upcoming_runs([mine], 10)
        assert [(one.flow_run_id, one.due) for one in found] == [
            (soon.flow_run_id, due),
            (late.flow_run_id, due + timedelta(hours=2)),
        ]
        assert {(one.deployment_id, one.schedule_id) for one in found} == {(mine, None)}
        both = await stage.orchestrator.upcoming_runs([mine, other], 2)
        assert [one.flow_run_id for one in both] == [soon.flow_run_id, elsewhere.flow_run_id]
        assert await stage.orchestrator.upcoming_runs([], 10) == []

    @pytest.mark.asyncio
    async def test_a_deployment_is_paused_and_resumed_and_repeating_it_is_nothing(self, stage: Stage) -> None:
        deployment = await stage.deployment(["0 2 * * *"])
        before = await stage.orchestrator.read_deployment(deployment)
        assert (before.paused, len(before.schedules), before.parameters) == (False, 1, {})
        for paused in (True, True, False, False):
            await stage.orchestrator.set_paused(deployment, paused)
            assert (await stage.orchestrator.read_deployment(deployment)).paused is paused

    @pytest.mark.asyncio
    async def test_a_deployment_that_is_not_there(self, stage: Stage) -> None:
        with pytest.raises(NotFound):
            await stage.orchestrator.read_deployment(str(uuid.uuid4()))
        with pytest.raises(NotFound):
            await stage.orchestrator.set_paused(str(uuid.uuid4()), paused=True)

    @pytest.mark.asyncio
    async def test_a_deleted_deployment_is_gone_and_deleting_again_is_nothing(self, stage: Stage) -> None:
        deployment = await stage.deployment()
        for _ in range(2):
            await stage.orchestrator.delete_deployment(deployment)
        with pytest.raises(NotFound):
            await stage.orchestrator.create_run(deployment, {}, [], None, None)
        assert await stage.orchestrator.list_automations(deployment) == []

    @pytest.mark.asyncio
    async def test_an_id_that_is_none_of_prefects_is_deleted_already(self, stage: Stage) -> None:
        await stage.orchestrator.delete_deployment("not-a-uuid")
        assert await stage.orchestrator.list_automations("not-a-uuid") == []
