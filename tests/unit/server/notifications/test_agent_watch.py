"""An agent that is stuck is told once, and once more when it is well again."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from prefect_platform.errors import SecretUnavailable
from prefect_platform.server.controller.resources import Keeper
from prefect_platform.server.db.engine import Database
from prefect_platform.server.db.tables import AgentRow, ResourceRow
from prefect_platform.server.services import agents, notifications, resources
from prefect_platform.server.services.agent_watch import STUCK_SECONDS, AgentWatch
from prefect_platform.server.services.notifications import Event
from prefect_platform.server.services.parts import Parts
from prefect_platform.wire.agents import AgentReport
from prefect_platform.wire.resources import ResourceCreate, ResourceKind
from tests.notification_scene import Notifying
from tests.receivers import Webhook

pytestmark = pytest.mark.asyncio


async def speaks(stage: Notifying, problem: str | None = None) -> None:
    report = AgentReport(version="1", prefect_version="3", work_pool="w", problem=problem)
    await agents.report(stage.parts, stage.scene.agent, report)


async def told(stage: Notifying) -> list[str]:
    return [str(row.payload["title"]) for row in await stage.outbox()]


async def pass_time(stage: Notifying, watch: AgentWatch, seconds: float, problem: str | None = "") -> None:
    """Time passes; the agent speaks all the while, unless `problem` is left out."""
    for _ in range(int(seconds // 30)):
        if problem != "":
            await speaks(stage, problem)
        await watch.look()
        await stage.clock.advance(30)
    await watch.look()


async def test_an_agent_that_falls_silent_is_told_once_and_once_when_it_is_back(
    stage: Notifying, hook: Webhook
) -> None:
    await stage.rule(hook.url, events=["agent-stuck"], pause_seconds=0)
    watch = AgentWatch(stage.parts)
    await pass_time(stage, watch, 600, None)
    assert await told(stage) == []
    await pass_time(stage, watch, STUCK_SECONDS + 600)
    assert await told(stage) == ["agent first is stuck"]
    await pass_time(stage, AgentWatch(stage.parts), STUCK_SECONDS + 600)  # a server that was started again
    assert await told(stage) == ["agent first is stuck"]
    await pass_time(stage, watch, 60, None)
    assert await told(stage) == ["agent first is stuck", "agent first is well again"]
    await pass_time(stage, watch, STUCK_SECONDS + 60)
    assert len(await told(stage)) == 3
    await stage.turns()
    assert "It was last heard of at 2026-01-01" in hook.bodies[0]
    assert "prefect-platform agent list --project default" in hook.bodies[0]


async def test_a_problem_that_lasts_is_told_and_one_that_passes_is_not(stage: Notifying) -> None:
    await stage.rule("json://127.0.0.1:1/", events=["agent-stuck"])
    watch = AgentWatch(stage.parts)
    await pass_time(stage, watch, STUCK_SECONDS - 60, "Prefect does not answer.")
    await pass_time(stage, watch, 60, None)
    await pass_time(stage, watch, STUCK_SECONDS - 60, "Prefect does not answer.")
    assert await told(stage) == []
    await pass_time(stage, watch, 120, "Prefect does not answer.")
    (row,) = await stage.outbox()
    assert row.payload["sentence"] == "It takes no runs: Prefect does not answer."
    await pass_time(stage, watch, 60, None)
    assert (await told(stage))[1:] == ["agent first is well again"]


async def test_a_machine_that_slept_and_a_platform_that_was_down_make_nobody_stuck(stage: Notifying) -> None:
    await stage.rule("json://127.0.0.1:1/", events=["agent-stuck"])
    watch = AgentWatch(stage.parts)
    await pass_time(stage, watch, 60, None)
    stage.clock.machine_sleeps(8 * 3600)
    await watch.look()
    await AgentWatch(stage.parts).look()
    assert await told(stage) == []


async def test_an_agent_that_was_never_seen_or_is_long_gone_is_not_stuck(stage: Notifying) -> None:
    await stage.rule("json://127.0.0.1:1/", events=["agent-stuck"])
    watch = AgentWatch(stage.parts)
    await pass_time(stage, watch, STUCK_SECONDS + 60)
    async with stage.parts.database.session() as session:
        await session.execute(update(AgentRow).values(last_seen_at=stage.clock.now() - timedelta(days=8)))
    await pass_time(stage, watch, STUCK_SECONDS + 60)
    assert await told(stage) == []


async def test_one_that_the_platform_keeps_and_that_never_reported_is_stuck(stage: Notifying) -> None:
    await stage.rule("json://127.0.0.1:1/", events=["agent-stuck"])
    request = ResourceCreate(kind=ResourceKind.PREFECT_AGENT, name="night")
    made = await resources.create(stage.parts, stage.scene.user, "default", request)
    watch = AgentWatch(stage.parts)
    await pass_time(stage, watch, STUCK_SECONDS - 60)
    assert await told(stage) == []
    async with stage.parts.database.session() as session:
        (await session.get_one(ResourceRow, made.id)).reason = "It was killed by SIGKILL."
    await pass_time(stage, watch, 120)
    assert await told(stage) == ["agent night is stuck"]
    (row,) = await stage.outbox()
    assert row.payload["sentence"] == (
        "It was never heard of, and takes no runs, though it is to run: see "
        "`prefect-platform agent show night`. Its last start: It was killed by SIGKILL."
    )
    report = AgentReport(version="1", prefect_version="3", work_pool="w")
    await agents.report(stage.parts, replace(stage.scene.agent, subject_id=made.id), report)
    await watch.look()
    assert (await told(stage))[1:] == ["agent night is well again"]


async def test_one_that_is_to_be_stopped_or_was_just_started_again_is_not_stuck(stage: Notifying) -> None:
    await stage.rule("json://127.0.0.1:1/", events=["agent-stuck"])
    request = ResourceCreate(kind=ResourceKind.PREFECT_AGENT, name="night", start=False)
    made = await resources.create(stage.parts, stage.scene.user, "default", request)
    watch = AgentWatch(stage.parts)
    async with stage.parts.database.session() as session:
        row = await session.get_one(AgentRow, made.id)
        row.last_seen_at = stage.clock.now() - timedelta(days=8)
    await pass_time(stage, watch, STUCK_SECONDS + 60)
    await resources.start(stage.parts, stage.scene.user, "default", ResourceKind.PREFECT_AGENT, "night")
    await pass_time(stage, watch, STUCK_SECONDS - 60)
    assert await told(stage) == []
    await pass_time(stage, watch, 120)
    assert await told(stage) == ["agent night is stuck"]


async def test_of_one_that_is_kept_the_log_is_told_and_one_that_cannot_be_told_of_holds_up_no_other(
    stage: Notifying, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stage.rule("json://127.0.0.1:1/", events=["agent-stuck"])
    request = ResourceCreate(kind=ResourceKind.PREFECT_AGENT, name="night", spec={})
    made = await resources.create(stage.parts, stage.scene.user, "default", request)
    await Keeper(stage.parts).round()
    async with stage.parts.database.session() as session:
        await session.execute(update(AgentRow).values(last_seen_at=stage.clock.now()))
    watch, tell = AgentWatch(stage.parts), notifications.tell

    async def breaks(session: AsyncSession, parts: Parts, event: Event) -> int:
        if event.subject != made.id:
            raise SecretUnavailable("The keyring has no such key.")
        return await tell(session, parts, event)

    monkeypatch.setattr(notifications, "tell", breaks)
    await pass_time(stage, watch, STUCK_SECONDS + 60)
    (row,) = await stage.outbox()
    start = (await stage.scene.row(ResourceRow, made.id)).workload_id
    assert start is not None
    assert (row.subject, row.payload["workload_id"], row.payload["link"]) == (made.id, start, None)
    assert row.payload["command"] == "prefect-platform resource show prefect-agent/night --project default"
    monkeypatch.setattr(notifications, "tell", tell)
    await watch.look()
    assert sorted(await told(stage)) == ["agent first is stuck", "agent night is stuck"]


async def test_nobody_is_watched_where_nobody_asks(stage: Notifying) -> None:
    await stage.rule("json://127.0.0.1:1/")
    watch = AgentWatch(stage.parts)
    await pass_time(stage, watch, 60, None)
    await pass_time(stage, watch, STUCK_SECONDS + 60)
    assert await told(stage) == []
    assert watch._watched == {}


async def test_two_replicas_tell_once(stage: Notifying) -> None:
    await stage.rule("json://127.0.0.1:1/", events=["agent-stuck"])
    database = Database(stage.parts.database.url)
    watches = [AgentWatch(stage.parts), AgentWatch(stage.scene.on(database))]
    await speaks(stage)
    await asyncio.gather(*(watch.look() for watch in watches))
    await stage.clock.advance(STUCK_SECONDS)
    await asyncio.gather(*(watch.look() for watch in watches))
    assert await told(stage) == ["agent first is stuck"]
    await database.aclose()
