"""Agents as resources: whose name it is, which Prefect is meant, what is told of one, and when one hangs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from prefect_platform.errors import Conflict, NotFound, UsageError
from prefect_platform.server.controller import hangs
from prefect_platform.server.controller.resources import Keeper
from prefect_platform.server.db.tables import AttemptRow, WorkloadRow
from prefect_platform.server.services import (
    agents,
    launch_specs,
    launches,
    prefect_access,
    resource_moves,
    resources,
    secrets,
)
from prefect_platform.server.services.callers import Caller
from prefect_platform.testing.manual_clock import ManualClock
from prefect_platform.wire import launch
from prefect_platform.wire.agents import AgentCreate, AgentReport, LatencyBucket, WorkQueue
from prefect_platform.wire.resources import (
    Resource,
    ResourceCreate,
    ResourceKind,
    ResourceStatus,
    ResourceUpdate,
)
from prefect_platform.wire.runs import ResultReport, Status
from prefect_platform.wire.secrets import SecretSet
from prefect_platform.wire.work_pool import installation_of
from tests.server_scene import Scene, scene

pytestmark = pytest.mark.asyncio
AGENT = ResourceKind.PREFECT_AGENT
ELSEWHERE = "https://prefect.example/api/accounts/a/workspaces/w"
REPORT = AgentReport(version="0.2", prefect_version="3.8.8", work_pool="platform-inst")


@pytest_asyncio.fixture
async def stage(database_url: str, tmp_path: Path) -> AsyncIterator[Scene]:
    async with scene(database_url, tmp_path, clock=ManualClock()) as made:
        yield made


async def create(stage: Scene, name: str = "night", *, start: bool = True, **spec: object) -> Resource:
    request = ResourceCreate(kind=AGENT, name=name, spec=spec, start=start)
    return await resources.create(stage.parts, stage.user, "default", request)


async def show(stage: Scene, name: str = "night") -> Resource:
    return await resources.show(stage.parts, stage.user, "default", AGENT, name)


def agent_of(stage: Scene, resource: Resource) -> Caller:
    return replace(stage.agent, subject_id=resource.id)


async def report(stage: Scene, resource: Resource, **fields: object) -> None:
    told = REPORT.model_copy(update=fields)
    await agents.report(stage.parts, agent_of(stage, resource), told)


async def begin(stage: Scene, keeper: Keeper, name: str = "night") -> Caller:
    """A start of the agent whose process runs; its launcher."""
    await keeper.round()
    workload = str((await show(stage, name)).state.workload_id)
    async with stage.parts.database.session() as session:
        row = await session.get_one(WorkloadRow, workload)
        row.status, row.launcher_id = Status.RUNNING.value, "l-1"
    return stage.launcher(workload)


async def test_one_by_hand_that_is_gone_becomes_a_resource_and_stays_itself(stage: Scene) -> None:
    attempt = await stage.attempt()
    made = await create(stage, "first")
    assert made.id == stage.agent.subject_id
    assert (await stage.row(AttemptRow, attempt.id)).agent_id == made.id
    (only,) = (await agents.listing(stage.parts, stage.user, "default", None, None)).items
    assert (only.id, only.name) == (made.id, "first")


async def test_one_by_hand_that_runs_keeps_its_name(stage: Scene) -> None:
    await agents.report(stage.parts, stage.agent, REPORT)
    with pytest.raises(Conflict, match="'first' is run by hand"):
        await create(stage, "first")
    clock = stage.parts.clock
    assert isinstance(clock, ManualClock)
    await clock.advance(60)
    await create(stage, "first")


async def test_nobody_by_hand_gets_a_token_of_the_platforms_own(stage: Scene) -> None:
    await create(stage, start=False)
    with pytest.raises(Conflict, match="keeps an agent named 'night' itself"):
        await agents.create(stage.parts, stage.user, "default", AgentCreate(name="night"))


async def test_a_deleted_one_is_gone_and_its_name_is_free(stage: Scene) -> None:
    first = await create(stage, start=False)
    await resources.remove(stage.parts, stage.user, "default", AGENT, "night")
    await Keeper(stage.parts).round()
    with pytest.raises(NotFound, match="no agent 'night'"):
        await agents.show(stage.parts, stage.user, "default", "night")
    second = await create(stage, start=False)
    assert first.id != second.id
    names = [one.name for one in (await agents.listing(stage.parts, stage.user, "default", None, None)).items]
    assert names == ["night", "first"]


@pytest.mark.parametrize(
    ("queues", "words"),
    [
        (["a", "a"], "queue 'a' is given twice"),
        ([{"name": "a", "priority": 2}, {"name": "b", "priority": 2}], "priority 2 is given twice"),
        ([{"name": "a", "priority": 0}], "queues.0.priority"),
        ([{"name": "a", "concurency_limit": 1}], "no field 'queues.0.concurency_limit'"),
        ([{"priority": 1}], "queues.0.name"),
        ([7], "queues.0"),
    ],
)
async def test_queues_that_cannot_be(stage: Scene, queues: object, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        await create(stage, queues=queues)


async def test_an_agent_is_told_its_queues(stage: Scene) -> None:
    made = await create(stage, queues=["plain", {"name": "fast", "priority": 1, "concurrency_limit": 3}])
    pool = await agents.work_pool(stage.parts, agent_of(stage, made))
    assert [queue.model_dump() for queue in pool.queues] == [
        WorkQueue(name="plain").model_dump(),
        WorkQueue(name="fast", priority=1, concurrency_limit=3).model_dump(),
    ]
    assert (await agents.work_pool(stage.parts, stage.agent)).queues == []


async def test_an_agent_serves_the_pool_that_its_spec_names(stage: Scene) -> None:
    made = await create(stage, work_pool="gpu.large")
    named = await agents.work_pool(stage.parts, agent_of(stage, made))
    ours = await agents.work_pool(stage.parts, stage.agent)
    assert (named.name, ours.name) == ("gpu.large", "platform-inst")
    for pool in (named, ours):
        assert installation_of(pool.base_job_template) == "inst"
    assert (await show(stage)).spec == {"work_pool": "gpu.large"}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("a/b", "work_pool"),
        ("", "work_pool"),
        ("-a", "work_pool"),
        ("x" * 129, "work_pool"),
        ("Prefect-mine", "Prefect keeps names that begin with 'prefect' for itself"),
        (7, "work_pool"),
    ],
)
async def test_pools_that_cannot_be(stage: Scene, name: object, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        await create(stage, work_pool=name)


async def test_agents_are_listed_by_their_labels_page_after_page(stage: Scene) -> None:
    for name, labels in (
        ("a", {"team": "x", "site": "b"}),
        ("b", {"team": "x"}),
        ("c", {"team": "y"}),
        ("d", {}),
    ):
        await create(stage, name, start=False, labels=labels)
    await create(stage, "gone", start=False, labels={"team": "x"})
    await resources.remove(stage.parts, stage.user, "default", AGENT, "gone")
    await Keeper(stage.parts).round()

    async def listed(*labels: str, cursor: str | None = None) -> tuple[list[str], str | None]:
        found = await agents.listing(stage.parts, stage.user, "default", cursor, 1, labels)
        return [one.name for one in found.items], found.cursor

    first, cursor = await listed("team=x")
    assert (first, await listed("team=x", cursor=cursor)) == (["b"], (["a"], None))
    assert await listed("team=x", "site=b") == (["a"], None)
    assert await listed('"=x') == await listed("team=") == ([], None)
    with pytest.raises(UsageError, match="'team' is no NAME=VALUE"):
        await listed("team")


async def test_what_is_told_of_one(stage: Scene) -> None:
    made = await create(stage)
    unseen = await agents.show(stage.parts, stage.user, "default", "night")
    assert (unseen.report, unseen.uptime_seconds, unseen.last_seen_at) == (None, None, None)
    now = stage.parts.clock.now()
    buckets = [LatencyBucket(le_seconds=1, count=2), LatencyBucket(le_seconds=None, count=1)]
    await report(stage, made, started_at=now - timedelta(seconds=90), pickup_seconds=buckets)
    found = await agents.show(stage.parts, stage.user, "default", "night")
    assert found.resource is not None
    assert (found.resource.id, found.uptime_seconds) == (made.id, 90.0)
    assert found.report is not None
    assert found.report.pickup_seconds == buckets
    by_hand = await agents.show(stage.parts, stage.user, "default", "first")
    assert by_hand.resource is None
    with pytest.raises(NotFound):
        await agents.show(stage.parts, stage.stranger, "default", "night")
    with pytest.raises(NotFound, match="Did you mean 'night'"):
        await agents.show(stage.parts, stage.user, "default", "nigth")


async def test_a_run_talks_to_the_prefect_of_the_agent_that_took_it(stage: Scene) -> None:
    await secrets.put(stage.parts, stage.user, "default", "cloud", SecretSet(value="pnu_of_the_workspace"))
    made = await create(stage, prefect_api_url=ELSEWHERE, prefect_secret="cloud")
    await Keeper(stage.parts).round()
    start = str((await show(stage)).state.workload_id)
    async with stage.parts.database.session() as session:
        (await session.get_one(WorkloadRow, start)).status = Status.PROVISIONING.value
    await launches.claim(stage.parts, stage.launcher(start), start, "l-0")
    attempt = await replace(stage, agent=agent_of(stage, made)).attempt()
    async with stage.parts.database.session() as session:
        row = await session.get_one(WorkloadRow, attempt.workload.id)
        row.status = Status.PROVISIONING.value
    # What the agent is told from its next start on is no business of a run that it has taken.
    spec = {"prefect_api_url": "https://new.example/api", "prefect_secret": "new"}
    await secrets.put(stage.parts, stage.user, "default", "new", SecretSet(value="pnu_of_another"))
    await resources.update(stage.parts, stage.user, "default", AGENT, "night", ResourceUpdate(spec=spec))
    launcher = stage.launcher(attempt.workload.id)
    spec = launch.decode(
        launch.LaunchSpec, await launches.claim(stage.parts, launcher, attempt.workload.id, "l-1")
    )
    assert spec.flow_run is not None
    assert (spec.flow_run.api_url, spec.flow_run.authorization) == (ELSEWHERE, "Bearer pnu_of_the_workspace")
    assert spec.environment["PREFECT_API_URL"] == ELSEWHERE
    assert spec.environment["PREFECT_API_KEY"] == "pnu_of_the_workspace"
    assert "pnu_of_the_workspace" in spec.secrets


async def test_an_address_elsewhere_without_a_secret_opens_nothing(stage: Scene) -> None:
    """Neither the project's secret nor the installation's key goes to another Prefect."""
    ours = replace(stage.parts.config.orchestrator, api_key="pnu_installation")
    stage.parts = replace(stage.parts, config=replace(stage.parts.config, orchestrator=ours))
    await create(stage)
    await create(stage, "far", prefect_api_url=ELSEWHERE)
    await Keeper(stage.parts).round()
    found = {}
    async with stage.parts.database.session() as session:
        for name in ("night", "far"):
            resource = await show(stage, name)
            row = await session.get_one(WorkloadRow, resource.state.workload_id)
            url = resource.spec.get("prefect_api_url")
            found[name] = await prefect_access.of_workload(session, stage.parts, row, url, None)
    assert found["night"].api_key == "pnu_installation"
    assert (found["far"].url, found["far"].api_key, found["far"].auth_string) == (ELSEWHERE, None, None)


@pytest.mark.parametrize(
    ("value", "expected"), [("admin:secret\n", ("admin:secret", None)), ("pnu_key", (None, "pnu_key"))]
)
async def test_a_secret_is_a_key_or_user_and_password(
    stage: Scene, value: str, expected: tuple[str | None, str | None]
) -> None:
    await secrets.put(stage.parts, stage.user, "default", "s", SecretSet(value=value))
    await create(stage, prefect_secret="s")
    await Keeper(stage.parts).round()
    async with stage.parts.database.session() as session:
        row = await session.get_one(WorkloadRow, (await show(stage)).state.workload_id)
        found = await prefect_access.of_workload(session, stage.parts, row, None, "s")
    assert (found.auth_string, found.api_key, found.url) == (*expected, stage.parts.config.orchestrator.url)
    assert set(launch_specs.credentials(found)) >= {value.strip()}


async def test_one_that_hangs_is_ended_and_started_again_with_the_reason(stage: Scene) -> None:
    clock = stage.parts.clock
    assert isinstance(clock, ManualClock)
    made, keeper = await create(stage), Keeper(stage.parts)
    launcher = await begin(stage, keeper)
    workload = str(launcher.subject_id)
    for _ in range(20):  # it reports, and is left alone
        await report(stage, made)
        await clock.advance(hangs.LOOK_SECONDS)
        await keeper.round()
    assert not await stage.stop_wanted(workload)
    for _ in range(int(resource_moves.HANGS_SECONDS / hangs.LOOK_SECONDS) + 2):
        await clock.advance(hangs.LOOK_SECONDS)
        await keeper.round()
    assert await stage.stop_wanted(workload)
    await launches.result(
        stage.parts, launcher, workload,
        ResultReport(exit_code=None, signal=9, receipt=None),
    )  # fmt: skip
    await keeper.round()
    state = (await show(stage)).state
    assert (state.status, state.restarts) == (ResourceStatus.QUEUED, 1)
    assert state.workload_id != workload
    assert state.reason == "It had not reported for 60 s, though its process lived, and was ended."


async def test_nobody_hangs_because_the_platform_stood_still(stage: Scene) -> None:
    clock = stage.parts.clock
    assert isinstance(clock, ManualClock)
    await create(stage)
    keeper = Keeper(stage.parts)
    launcher = await begin(stage, keeper)
    for _ in range(3):
        await clock.advance(1000)
        await keeper.round()
    assert not await stage.stop_wanted(str(launcher.subject_id))
