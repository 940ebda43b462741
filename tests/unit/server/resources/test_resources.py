"""Resources through their service, on both databases: who may, what is refused, what is wanted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path

import pytest
import pytest_asyncio

from prefect_platform.errors import ChangedMeanwhile, Conflict, NotFound, UsageError
from prefect_platform.server.controller.resources import Keeper
from prefect_platform.server.db.tables import ResourceRow, WorkloadRow
from prefect_platform.server.services import resources, shutdown
from prefect_platform.wire.resources import (
    Resource,
    ResourceCreate,
    ResourceKind,
    ResourceStatus,
    ResourceUpdate,
)
from tests.server_scene import Scene, scene

pytestmark = pytest.mark.asyncio
AGENT = ResourceKind.PREFECT_AGENT


@pytest_asyncio.fixture
async def stage(database_url: str, tmp_path: Path) -> AsyncIterator[Scene]:
    async with scene(database_url, tmp_path) as made:
        yield made


async def create(stage: Scene, name: str = "night", *, start: bool = True, **spec: object) -> Resource:
    request = ResourceCreate(kind=AGENT, name=name, spec=spec, start=start)
    return await resources.create(stage.parts, stage.user, "default", request)


async def show(stage: Scene, name: str = "night") -> Resource:
    return await resources.show(stage.parts, stage.user, "default", AGENT, name)


async def test_one_that_is_made_is_started_once(stage: Scene) -> None:
    made = await create(stage, limit=3)
    assert (made.state.status, made.spec, made.owner) == (ResourceStatus.STARTING, {"limit": 3}, "ana")
    keepers = Keeper(stage.parts), Keeper(stage.on(stage.parts.database))
    for keeper in keepers:
        await keeper.round()
    state = (await show(stage)).state
    assert state.status is ResourceStatus.QUEUED
    start = await stage.row(WorkloadRow, str(state.workload_id))
    assert (start.kind, start.resource_id, start.cores) == ("agent", made.id, 0.0)


async def test_a_name_is_taken_until_it_is_gone(stage: Scene) -> None:
    await create(stage, start=False)
    with pytest.raises(Conflict, match="prefect-agent named 'night'"):
        await create(stage)
    await resources.remove(stage.parts, stage.user, "default", AGENT, "night")
    with pytest.raises(Conflict, match="being deleted"):
        await resources.start(stage.parts, stage.user, "default", AGENT, "night")
    await Keeper(stage.parts).round()
    with pytest.raises(NotFound):
        await show(stage)
    await create(stage)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"limits": 1}, "no field 'limits' Did you mean 'limit'"),
        ({"limit": 0}, "limit: input should be greater"),
        ({"prefect_api_url": "http://me:pw@prefect/api"}, "prefect_api_url.*without user and password"),
        ({"prefect_secret": "no-such"}, "has no secret 'no-such'"),
    ],
)
async def test_a_spec_that_cannot_be_is_refused_by_field(
    stage: Scene, spec: dict[str, object], words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        await create(stage, **spec)


async def test_a_form_is_told_each_field_that_is_wrong(stage: Scene) -> None:
    with pytest.raises(UsageError) as caught:
        await create(stage, limit=0, limits=1, queues=[{"name": "a"}, {"name": ""}])
    fields = {one["field"]: one["problem"] for one in caught.value.data["fields"]}
    assert list(fields) == ["spec.queues.1.name", "spec.limit", "spec.limits"]
    assert fields["spec.limits"] == "unknown"
    with pytest.raises(UsageError) as caught:
        await create(stage, prefect_secret="no-such")
    assert [one["field"] for one in caught.value.data["fields"]] == ["spec.prefect_secret"]


async def test_a_change_of_what_somebody_else_changed_is_refused(stage: Scene) -> None:
    read = await create(stage, start=False, limit=1)
    theirs = await _update(stage, {"limit": 2}, read.updated_at)
    with pytest.raises(ChangedMeanwhile, match="by ana or an owner of project 'default'") as caught:
        await _update(stage, {"limit": 3}, read.updated_at)
    assert caught.value.data["updated_at"] == theirs.updated_at.isoformat()
    assert (await show(stage)).spec == {"limit": 2}
    assert (await _update(stage, {"limit": 3}, theirs.updated_at)).spec == {"limit": 3}


async def _update(stage: Scene, spec: dict[str, object], since: datetime) -> Resource:
    request = ResourceUpdate(spec=spec, unchanged_since=since)
    return await resources.update(stage.parts, stage.user, "default", AGENT, "night", request)


async def test_a_stranger_sees_and_changes_nothing(stage: Scene) -> None:
    await create(stage)
    with pytest.raises(NotFound):
        await resources.listing(stage.parts, stage.stranger, "default", None, None, None)
    with pytest.raises(NotFound):
        await resources.stop(stage.parts, stage.stranger, "default", AGENT, "night")


async def test_a_changed_spec_is_for_the_next_start(stage: Scene) -> None:
    await create(stage)
    await Keeper(stage.parts).round()
    changed = await resources.update(
        stage.parts, stage.user, "default", AGENT, "night", ResourceUpdate(spec={"limit": 7})
    )
    assert (changed.spec, changed.state.needs_restart) == ({"limit": 7}, True)
    same = await resources.update(
        stage.parts, stage.user, "default", AGENT, "night", ResourceUpdate(spec={"limit": 7})
    )
    assert same.updated_at == changed.updated_at


async def test_a_stop_ends_its_start_and_a_start_begins_another(stage: Scene) -> None:
    await create(stage)
    keeper = Keeper(stage.parts)
    await keeper.round()
    first = (await show(stage)).state.workload_id
    await resources.stop(stage.parts, stage.user, "default", AGENT, "night")
    await keeper.round()
    assert await stage.stop_wanted(str(first))
    row = await stage.row(ResourceRow, (await show(stage)).id)
    assert row.reason is None


async def test_a_start_before_the_stop_was_told_changes_nothing(stage: Scene) -> None:
    """Else its end would later count as asked for, and nobody would hear why it ended."""
    await create(stage)
    keeper = Keeper(stage.parts)
    await keeper.round()
    before = (await show(stage)).state
    await resources.stop(stage.parts, stage.user, "default", AGENT, "night")
    await resources.start(stage.parts, stage.user, "default", AGENT, "night")
    await keeper.round()
    state = (await show(stage)).state
    assert (state.workload_id, state.next_start_at) == (before.workload_id, None)
    assert not await stage.stop_wanted(str(state.workload_id))


async def test_a_restart_before_the_stop_was_told_is_one(stage: Scene) -> None:
    await create(stage)
    keeper = Keeper(stage.parts)
    await keeper.round()
    await resources.stop(stage.parts, stage.user, "default", AGENT, "night")
    await resources.restart(stage.parts, stage.user, "default", AGENT, "night")
    await keeper.round()
    state = (await show(stage)).state
    assert (state.target.value, await stage.stop_wanted(str(state.workload_id))) == ("running", True)


async def test_the_nearest_name_is_offered(stage: Scene) -> None:
    await create(stage)
    with pytest.raises(NotFound, match="Did you mean 'night'"):
        await show(stage, "nigth")


async def test_the_listing_is_by_kind(stage: Scene) -> None:
    for name in ("one", "two"):
        await create(stage, name)
    found = await resources.listing(stage.parts, stage.user, "default", AGENT, None, None)
    assert [one.name for one in found.items] == ["two", "one"]
    none = await resources.listing(
        stage.parts, stage.user, "default", ResourceKind.JUPYTER_SERVER, None, None
    )
    assert none.items == []


async def test_the_end_of_the_platform_asks_resources_last(
    stage: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutdown, "RESOURCE_SECONDS", 0.01)  # nobody ends it here
    await create(stage)
    keeper = Keeper(stage.parts)
    await keeper.round()
    from prefect_platform.wire.shutdown import ShutdownRequest

    answer = await shutdown.shutdown(stage.parts, stage.user, ShutdownRequest(grace_seconds=0.01))
    assert answer.cancelled == 0
    state = (await show(stage)).state
    assert await stage.stop_wanted(str(state.workload_id))
    assert state.target.value == "running"
