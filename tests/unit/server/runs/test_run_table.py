"""Runs as a table shows them: what they were given, needed and cost; sorted; cancelled together."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest

from prefect_platform.errors import NotFound, UsageError
from prefect_platform.names import new_id
from prefect_platform.server.db.tables import MemberRow, ProjectRow, RunRow, WorkloadRow
from prefect_platform.server.services import run_cancels, runs
from prefect_platform.wire.flows import RunRequest
from prefect_platform.wire.runs import Attempt, CancelRunsRequest, Run, RunSort
from tests.server_scene import GIB, Scene

pytestmark = pytest.mark.asyncio


async def ended(stage: Scene, attempt: Attempt, hours: float, peak: int | None, price: float | None) -> None:
    await stage.settle(attempt)
    async with stage.parts.database.session() as session:
        row = await session.get_one(WorkloadRow, attempt.workload.id)
        assert row.ended_at is not None
        row.admitted_at, row.price_per_hour = row.ended_at - timedelta(hours=hours), price
        row.end = {"peak_memory_bytes": peak}


async def table(stage: Scene, sort: RunSort = RunSort.NEWEST, **filters: object) -> list[Run]:
    found, cursor = list[Run](), None
    while True:
        page = await runs.listing(
            stage.parts, stage.user, "default", None, None, cursor, 2, sort=sort, **filters  # type: ignore[arg-type]
        )  # fmt: skip
        found += page.items
        cursor = page.cursor
        if cursor is None:
            return found


async def test_a_run_costs_what_all_its_attempts_do_and_shows_the_highest_peak(stage: Scene) -> None:
    first = await stage.attempt(started_by="ana")
    await ended(stage, first, 2.0, 5 * GIB, 0.5)
    version = await stage.version(cores=2.0, memory_bytes=6 * GIB)
    again = await stage.attempt(first.flow_run_id, flow_version_id=version)
    await ended(stage, again, 1.0, 3 * GIB, 0.25)
    [run] = await table(stage)
    assert (run.started_by, run.cores, run.memory_bytes, run.gpus) == ("ana", 2.0, 6 * GIB, 0)
    assert (run.peak_memory_bytes, run.price) == (5 * GIB, pytest.approx(1.25))
    assert (run.workers, run.worker_peak_memory_bytes) == (0, None)


async def test_a_run_without_attempts_or_prices_shows_none(stage: Scene) -> None:
    await runs.start(stage.parts, stage.user, stage.flow_id, RunRequest(), None)
    [waits] = await table(stage)
    assert (waits.started_by, waits.cores, waits.price, waits.peak_memory_bytes) == ("ana", None, None, None)
    await ended(stage, await stage.attempt(), 1.0, None, None)
    newest, _ = await table(stage)
    assert (newest.price, newest.peak_memory_bytes) == (None, None)


async def test_pages_follow_each_other_in_every_order(stage: Scene) -> None:
    for name in ("b", "a", "c", "a", "b"):
        await stage.attempt(flow_run_name=name)
    assert [run.name for run in await table(stage, RunSort.NAME)] == ["a", "a", "b", "b", "c"]
    assert [run.name for run in await table(stage, RunSort.NAME_DESCENDING)] == ["c", "b", "b", "a", "a"]
    newest = [run.id for run in await table(stage)]
    assert len(set(newest)) == 5
    assert [run.id for run in await table(stage, RunSort.OLDEST)] == newest[::-1]


async def test_the_longest_and_the_shortest(stage: Scene) -> None:
    for name, seconds in (("b", 2.5), ("waits", None), ("c", 90.0), ("a", 0.001), ("again", 2.5)):
        attempt = await stage.attempt(flow_run_name=name)
        async with stage.parts.database.session() as session:
            row = await session.get_one(RunRow, attempt.flow_run_id)
            if seconds is not None:
                row.started_at, row.ended_at = row.created_at, row.created_at + timedelta(seconds=seconds)
    longest = [run.name for run in await table(stage, RunSort.LONGEST)]
    assert (longest[0], {*longest[1:3]}, longest[3:]) == ("c", {"b", "again"}, ["a", "waits"])
    assert [run.name for run in await table(stage, RunSort.SHORTEST)] == longest[::-1]


async def test_a_cursor_of_another_order_is_refused(stage: Scene) -> None:
    for _ in range(2):
        await stage.attempt()
    page = await runs.listing(stage.parts, stage.user, "default", None, None, None, 1)
    with pytest.raises(UsageError, match="not a cursor of this listing"):
        await runs.listing(stage.parts, stage.user, "default", None, None, page.cursor, 1, sort=RunSort.NAME)


async def test_since_leaves_out_what_was_before(stage: Scene) -> None:
    old, new = await stage.attempt(), await stage.attempt()
    at = stage.parts.clock.now()
    async with stage.parts.database.session() as session:
        (await session.get_one(RunRow, old.flow_run_id)).created_at = at - timedelta(days=1)
    found = await table(stage, since=at - timedelta(hours=1))
    assert [run.id for run in found] == [new.flow_run_id]


async def test_several_are_cancelled_and_each_is_answered_for_itself(stage: Scene) -> None:
    ids = [(await stage.attempt()).flow_run_id for _ in range(2)]
    absent = str(uuid.uuid4())
    request = CancelRunsRequest(run_ids=[ids[0], absent, ids[1], ids[0]], reason="enough")
    found = await run_cancels.cancel(stage.parts, stage.user, "default", request)
    assert [(one.run_id, one.code) for one in found] == [
        (ids[0], None),
        (absent, "not-found"),
        (ids[1], None),
    ]
    assert absent in str(found[1].problem)
    assert [stage.orchestrator.runs[key].state_type for key in ids] == ["CANCELLING"] * 2


async def test_a_run_of_another_project_is_not_cancelled_through_this_one(stage: Scene) -> None:
    run = (await stage.attempt()).flow_run_id
    spare = new_id("pr")
    async with stage.parts.database.session() as session:
        session.add(
            ProjectRow(
                id=spare, name="spare", orchestrator_url="http://127.0.0.1:4200/api",
                created_at=stage.parts.clock.now(),
            )
        )  # fmt: skip
        await session.flush()
        session.add(MemberRow(project_id=spare, user_id=str(stage.user.user_id), role="owner"))
    [found] = await run_cancels.cancel(stage.parts, stage.user, "spare", CancelRunsRequest(run_ids=[run]))
    assert (found.code, stage.orchestrator.runs[run].state_type) == ("not-found", "PENDING")
    with pytest.raises(NotFound):
        await run_cancels.cancel(stage.parts, stage.stranger, "default", CancelRunsRequest(run_ids=[run]))
