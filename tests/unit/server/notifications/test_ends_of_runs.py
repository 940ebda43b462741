"""The end of a run becomes one row for each rule that asks for it, in the transaction that ends it."""

from __future__ import annotations

import asyncio

import pytest

from prefect_platform.server.db.tables import AttemptRow, RunRow
from prefect_platform.server.services import attempts, ends, resources, runs, workloads
from prefect_platform.server.services.orchestrator_memory import MemoryOrchestrator
from prefect_platform.wire.resources import ResourceCreate, ResourceKind
from prefect_platform.wire.runs import CancelRequest, Settlement, Status
from tests.notification_scene import Notifying
from tests.receivers import Webhook

pytestmark = pytest.mark.asyncio
LOG_TEXT = b"the beginning\n"


async def test_a_failed_run_is_told_with_cause_log_and_link(stage: Notifying, hook: Webhook) -> None:
    await stage.rule(hook.url)
    attempt = await stage.run()
    await stage.clock.advance(185)
    await stage.log(attempt)
    await stage.end(attempt)
    (row,) = await stage.outbox()
    assert row.payload == {"run_id": attempt.flow_run_id, "workload_id": attempt.workload.id}
    await stage.turns()
    assert hook.titles == ["nightly failed: ValueError: no rows"]
    expected = (
        "The flow failed: ValueError: no rows\n\n"
        "flow: etl version 1\n"
        "deployment: nightly\n"
        "run: brave-otter\n"
        "attempt: 1\n"
        "duration: 3 min 05 s\n"
        f"link: http://127.0.0.1:4200/v2/runs/flow-run/{attempt.flow_run_id}\n"
        f"more: prefect-platform run show {attempt.flow_run_id}\n\n"
        "Last lines of the log (flow):\n"
        "Traceback (most recent call last):\n"
        "ValueError: no rows"
    )
    assert hook.bodies == [expected]
    (row,) = await stage.outbox()
    assert (row.status, row.tries, row.title) == ("delivered", 1, hook.titles[0])
    rule = await stage.shown()
    assert (rule.waiting, rule.last_sent_at, rule.last_failure) == (0, stage.clock.now(), None)
    await stage.turns()
    assert len(hook.got) == 1


async def test_the_link_of_a_run_in_its_agents_own_prefect_leads_there(
    stage: Notifying, hook: Webhook
) -> None:
    await stage.rule(hook.url)
    spec = {"prefect_api_url": "https://prefect.example/api"}
    request = ResourceCreate(kind=ResourceKind.PREFECT_AGENT, name="night", spec=spec)
    made = await resources.create(stage.parts, stage.scene.user, "default", request)
    attempt = await stage.run()
    async with stage.parts.database.session() as session:
        (await session.get_one(AttemptRow, attempt.id)).orchestrator_url = made.spec["prefect_api_url"]
    await stage.log(attempt)
    await stage.end(attempt)
    await stage.turns()
    assert f"link: https://prefect.example/v2/runs/flow-run/{attempt.flow_run_id}\n" in hook.bodies[0]


async def test_an_end_is_told_once_whoever_settles_it(stage: Notifying) -> None:
    await stage.rule("json://127.0.0.1:1/")
    attempt = await stage.run()
    async with stage.parts.database.session() as session:
        row = await workloads.locked(session, attempt.workload.id)
        assert row is not None
        await ends.crash(session, row, "the machine went away", "platform", stage.clock.now())
    assert len(await stage.outbox()) == 1
    settlement = Settlement(status=Status.CRASHED, prefect_state="Crashed", prefect_state_type="CRASHED")
    await attempts.settle(stage.parts, stage.scene.agent, attempt.id, settlement)
    assert len(await stage.outbox()) == 1


async def test_a_suspended_run_goes_on_and_is_told_at_its_end(stage: Notifying) -> None:
    await stage.rule("json://127.0.0.1:1/", states=["succeeded", "failed"])
    first = await stage.run()
    await stage.end(first, "PAUSED", "")
    assert await stage.outbox() == []
    second = await stage.run(first.flow_run_id)
    await stage.end(second, "COMPLETED", "")
    (row,) = await stage.outbox()
    assert row.payload["workload_id"] == second.workload.id


async def test_each_attempt_that_ends_a_run_is_told_and_an_old_one_is_not(stage: Notifying) -> None:
    await stage.rule("json://127.0.0.1:1/")
    first = await stage.run()
    await stage.end(first, None, "", exit_code=0)  # an agent settles it, later than the next attempt begins
    second = await stage.run(first.flow_run_id)
    settlement = Settlement(status=Status.CRASHED, prefect_state="Crashed", prefect_state_type="CRASHED")
    await attempts.settle(stage.parts, stage.scene.agent, first.id, settlement)
    assert await stage.outbox() == []
    await stage.end(second)
    third = await stage.run(first.flow_run_id)
    await stage.end(third)
    told = [row.payload["workload_id"] for row in await stage.outbox()]
    assert sorted(told) == sorted([second.workload.id, third.workload.id])


@pytest.mark.parametrize(
    ("flows", "states", "told"),
    [
        ([], ["failed"], True),
        (["etl"], ["failed"], True),
        (["other", "e?l"], ["failed"], True),
        (["etl/night*"], ["failed"], True),
        (["etl/weekly"], ["failed"], False),
        (["ETL"], ["failed"], False),
        ([], ["crashed", "succeeded", "cancelled"], False),
    ],
)
async def test_rules_choose_by_flow_and_state(
    stage: Notifying, flows: list[str], states: list[str], told: bool
) -> None:
    await stage.rule("json://127.0.0.1:1/", flows=flows, states=states)
    await stage.end(await stage.run())
    assert bool(await stage.outbox()) is told


async def test_rules_that_are_off_or_ask_for_other_events_are_told_nothing(stage: Notifying) -> None:
    await stage.rule("json://127.0.0.1:1/", "off", enabled=False)
    await stage.rule("json://127.0.0.1:1/", "agents", events=["agent-stuck"])
    await stage.failed()
    assert await stage.outbox() == []


async def test_a_run_that_prefect_cancelled_before_it_began_is_told_when_it_is_seen(
    stage: Notifying, hook: Webhook
) -> None:
    await stage.rule(hook.url, states=["cancelled"])
    attempt = await stage.run()
    await stage.end(attempt, "SCHEDULED", "")
    orchestrator = stage.parts.orchestrator
    assert isinstance(orchestrator, MemoryOrchestrator)
    orchestrator.set_state(attempt.flow_run_id, "SCHEDULED")
    await runs.cancel(stage.parts, stage.scene.user, attempt.flow_run_id, CancelRequest(reason="no need"))
    await runs.show(stage.parts, stage.scene.user, attempt.flow_run_id)
    (row,) = await stage.outbox()
    assert row.payload["workload_id"] is None
    await stage.turns()
    assert hook.titles[0].startswith("nightly cancelled")


async def test_the_transaction_that_rolls_back_tells_nothing(stage: Notifying) -> None:
    await stage.rule("json://127.0.0.1:1/")
    attempt = await stage.run()

    async def interrupted() -> None:
        async with stage.parts.database.session() as session:
            row = await workloads.locked(session, attempt.workload.id)
            assert row is not None
            await ends.crash(session, row, "gone", "platform", stage.clock.now())
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await interrupted()
    assert await stage.outbox() == []
    assert (await stage.scene.row(RunRow, attempt.flow_run_id)).status == "running"


async def test_a_log_that_is_on_its_way_is_waited_for_and_not_for_ever(
    stage: Notifying, hook: Webhook
) -> None:
    await stage.rule(hook.url, pause_seconds=0)
    first = await stage.run()
    await stage.parts.logs.append(first.workload.id, "flow", 0, LOG_TEXT, [])
    await stage.end(first)
    await stage.turns()
    assert hook.got == []
    await stage.parts.logs.append(first.workload.id, "flow", len(LOG_TEXT), b"the end\n", [])
    await stage.clock.advance(1)
    await stage.turns()
    assert hook.got == []
    await stage.clock.advance(10)
    await stage.turns()
    assert hook.bodies[0].endswith("the end")
