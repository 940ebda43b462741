"""Appends: what a launcher is told, who may append, and what the database is asked."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import replace

import pytest

from prefect_platform.errors import Conflict, NotFound, OffsetMismatch, StorageFull
from prefect_platform.server.db.tables import LogGapRow, WorkloadRow
from prefect_platform.server.services import logs, runs, workloads
from prefect_platform.server.services.logs import Piece
from prefect_platform.server.stores.logs import Mark
from prefect_platform.server.stores.memory_logs import MemoryLogs
from prefect_platform.testing.manual_clock import ManualClock
from prefect_platform.wire.logs import AppendAnswer, SealRequest
from prefect_platform.wire.runs import CancelRequest, Status
from tests.server_scene import Scene


async def workload(stage: Scene) -> str:
    return (await stage.attempt()).workload.id


async def append(stage: Scene, workload_id: str, offset: int, data: bytes) -> AppendAnswer:
    caller = stage.launcher(workload_id)
    return await logs.append(stage.parts, caller, workload_id, "flow", Piece(offset, data, []))


async def end(stage: Scene, workload_id: str) -> None:
    async with stage.parts.database.session() as session:
        row = await workloads.locked(session, workload_id)
        assert row is not None
        await workloads.move(session, row, Status.CRASHED, "test", "over", stage.parts.clock.now())
    workloads.tell(stage.parts, str(stage.agent.project_id))


@pytest.mark.asyncio
async def test_an_append_is_told_the_size_and_the_interval(stage: Scene) -> None:
    found = await workload(stage)
    assert await append(stage, found, 0, b"abc") == AppendAnswer(size=3, interval=0.25, stop=False)
    with stage.parts.log_activity.watching(found):
        assert (await append(stage, found, 3, b"")).interval == 0.05
    assert (await append(stage, found, 3, b"")).interval == 0.25
    now = int(stage.parts.clock.now().timestamp() * 1000)
    assert (await stage.parts.logs.stat(found, "flow")).first_ms == now


@pytest.mark.asyncio
async def test_an_append_beyond_the_end_is_told_all_the_same(stage: Scene) -> None:
    found = await workload(stage)
    await append(stage, found, 0, b"abc")
    with pytest.raises(OffsetMismatch) as error:
        await append(stage, found, 9, b"x")
    assert AppendAnswer(**error.value.data) == AppendAnswer(size=3, interval=0.25, stop=False)


class FullLogs(MemoryLogs):
    """Half of every append is kept."""

    async def append(
        self, workload_id: str, source: str, offset: int, data: bytes, marks: Sequence[Mark]
    ) -> int:
        await super().append(workload_id, source, offset, data[: len(data) // 2], marks)
        raise StorageFull("There is no room left.")


@pytest.mark.asyncio
async def test_a_full_disk_is_told_with_what_is_held(stage: Scene) -> None:
    stage.parts = replace(stage.parts, logs=FullLogs())
    with pytest.raises(StorageFull) as error:
        await append(stage, await workload(stage), 0, b"abcd")
    assert AppendAnswer(**error.value.data) == AppendAnswer(size=2, interval=0.25, stop=False)


@pytest.mark.asyncio
async def test_a_cancel_reaches_the_next_append(stage: Scene) -> None:
    attempt = await stage.attempt()
    found = attempt.workload.id
    async with stage.parts.database.session() as session:
        row = await workloads.locked(session, found)
        assert row is not None
        row.status = Status.RUNNING.value
    assert not (await append(stage, found, 0, b"a")).stop
    await runs.cancel(stage.parts, stage.user, attempt.flow_run_id, CancelRequest())
    assert (await append(stage, found, 1, b"b")).stop


@pytest.mark.asyncio
async def test_an_unheard_change_is_seen_within_a_second(stage: Scene) -> None:
    """Another replica writes the target: nobody wakes us."""
    found = await workload(stage)
    assert not (await append(stage, found, 0, b"a")).stop
    async with stage.parts.database.session() as session:
        row = await workloads.locked(session, found)
        assert row is not None
        row.target = "stopped"
    assert not (await append(stage, found, 1, b"b")).stop
    assert isinstance(stage.parts.clock, ManualClock)
    await stage.parts.clock.advance(1.1)
    assert (await append(stage, found, 2, b"c")).stop


@pytest.mark.asyncio
async def test_an_ended_workload_takes_nothing_but_what_is_recovered(stage: Scene) -> None:
    found = await workload(stage)
    await append(stage, found, 0, b"abc")
    await end(stage, found)
    with pytest.raises(Conflict, match="has ended"):
        await append(stage, found, 3, b"d")
    assert await logs.append_recovered(stage.parts, found, "flow", 1, b"bcde") == 5
    assert await logs.append_recovered(stage.parts, found, "flow", 1, b"bcde") == 5


@pytest.mark.asyncio
async def test_a_launcher_writes_to_its_own_log(stage: Scene) -> None:
    found, other = await workload(stage), await workload(stage)
    for call in (
        logs.append(stage.parts, stage.launcher(other), found, "flow", Piece(0, b"x", [])),
        logs.seal(stage.parts, stage.launcher(other), found, "flow", SealRequest(size=0, sha256="0" * 64)),
        append(stage, "wl-none", 0, b"x"),
    ):
        with pytest.raises(NotFound):
            await call
    assert await stage.parts.logs.sources(found) == []


@pytest.mark.asyncio
async def test_appends_are_the_sign_of_life(stage: Scene) -> None:
    found, clock = await workload(stage), stage.parts.clock
    assert isinstance(clock, ManualClock)
    seen = []
    for _ in range(13):
        await append(stage, found, 0, b"")
        seen.append((await stage.row(WorkloadRow, found)).last_seen_at)
        await clock.advance(1.0)
    assert len(set(seen)) == 3
    assert max(clock.now() - at for at in seen[-3:]).total_seconds() <= 5


@pytest.mark.asyncio
async def test_a_seal_shows_the_source(stage: Scene) -> None:
    found = await workload(stage)
    await append(stage, found, 0, b"one\ntwo")
    request = SealRequest(size=7, sha256=hashlib.sha256(b"one\ntwo").hexdigest())
    info = await logs.seal(stage.parts, stage.launcher(found), found, "flow", request)
    assert (info.size, info.lines, info.sha256) == (7, 2, request.sha256)
    assert info.sealed_at == stage.parts.clock.now()
    assert await logs.seal(stage.parts, stage.launcher(found), found, "flow", request) == info


@pytest.mark.asyncio
async def test_a_gap_is_marked_once(stage: Scene) -> None:
    found = await workload(stage)
    await append(stage, found, 0, b"abc")
    first = await logs.mark_gap(stage.parts, found, "flow", None, 65_536, "the launcher\nwas killed")
    again = await logs.mark_gap(stage.parts, found, "flow", None, 65_536, "the launcher\nwas killed")
    assert first == again
    assert first.offset == 3
    text = "abc\n[prefect-platform] up to 65536 bytes may be missing here: the launcher was killed\n"
    assert await stage.parts.logs.read(found, "flow", 0, 999) == text.encode()
    await logs.append_recovered(stage.parts, found, "flow", len(text), b"more")
    second = await logs.mark_gap(stage.parts, found, "flow", 7, None, "cut")
    (info,) = await logs.source_infos(stage.parts, [found])
    assert info.gaps == [first, second]
    assert second.offset == len(text) + 4


@pytest.mark.asyncio
@pytest.mark.parametrize("written", [0, 10])
async def test_an_interrupted_mark_is_completed(stage: Scene, written: int) -> None:
    """The row was there and the marker was not, or not whole."""
    found = await workload(stage)
    marker = b"\n[prefect-platform] 5 bytes are missing here: cut\n"
    await stage.parts.logs.append(found, "flow", 0, b"abc" + marker[:written], [Mark(0, 1)])
    row = LogGapRow(workload_id=found, source="flow", offset=3, missing_bytes=5, at_most=None, reason="cut")
    async with stage.parts.database.session() as session:
        session.add(row)
    await logs.mark_gap(stage.parts, found, "flow", 5, None, "cut")
    assert await stage.parts.logs.read(found, "flow", 0, 999) == b"abc" + marker
    (info,) = await logs.source_infos(stage.parts, [found])
    assert len(info.gaps) == 1


@pytest.mark.asyncio
async def test_two_controllers_mark_one_gap(stage: Scene) -> None:
    found = await workload(stage)
    await append(stage, found, 0, b"abc")
    both = [logs.mark_gap(stage.parts, found, "flow", 5, None, "cut") for _ in range(2)]
    gaps = await asyncio.gather(*both)
    assert gaps[0] == gaps[1]
    (info,) = await logs.source_infos(stage.parts, [found])
    assert len(info.gaps) == 1
    assert (await stage.parts.logs.read(found, "flow", 0, 999)).count(b"missing here") == 1


@pytest.mark.asyncio
async def test_what_nobody_writes_to_is_sealed_as_it_is(stage: Scene) -> None:
    found = await workload(stage)
    data = b"x" * 3_000_000
    await stage.parts.logs.append(found, "flow", 0, data, [])
    await stage.parts.logs.append(found, "launcher", 0, b"said\n", [])
    for _ in range(2):
        await logs.seal_as_is(stage.parts, found)
    infos = await logs.source_infos(stage.parts, [found])
    assert [info.sha256 for info in infos] == [
        hashlib.sha256(data).hexdigest(),
        hashlib.sha256(b"said\n").hexdigest(),
    ]
