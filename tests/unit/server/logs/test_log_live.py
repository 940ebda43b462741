"""Live logs: every byte once, across sources, attempts and broken connections, until the end."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
import pytest_asyncio

from prefect_platform.errors import UsageError
from prefect_platform.server.config import LogSettings
from prefect_platform.server.db.tables import MemberRow
from prefect_platform.server.services import logs_live, workloads
from prefect_platform.server.services.logs_live import Event
from prefect_platform.server.stores.logs import Mark
from prefect_platform.wire.logs import LogChunk, LogSource
from prefect_platform.wire.runs import Attempt, Status
from tests.server_scene import Scene, scene

RUN = "11111111-1111-1111-1111-111111111111"


@pytest_asyncio.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Scene]:
    async with scene(f"sqlite+aiosqlite:///{tmp_path / 'platform.db'}", tmp_path) as made:
        yield made


class Reader:
    """A client: it keeps what it was told, and may break off and go on."""

    def __init__(self, stage: Scene, *, run_id: str = RUN, place: tuple[str, str] | None = None) -> None:
        self._stage, self._run_id, self._place = stage, run_id, place
        self.text: dict[tuple[str, str], str] = {}
        self.sealed: list[tuple[str, str]] = []
        self.names: list[str | None] = []
        self.last: str | None = None

    async def open(self) -> AsyncGenerator[Event, None]:
        parts, user = self._stage.parts, self._stage.user
        if self._place is not None:
            events = await logs_live.follow_source(parts, user, *self._place, self.last)
        else:
            events = await logs_live.follow_run(parts, user, self._run_id, self.last)
        return cast(AsyncGenerator[Event, None], events)

    def take(self, event: Event) -> None:
        self.names.append(event.name)
        self.last = event.id or self.last
        if event.name == "log":
            chunk = LogChunk.model_validate_json(event.data)
            key = (chunk.workload_id, chunk.source)
            assert chunk.offset == len(self.text.get(key, "").encode())
            self.text[key] = self.text.get(key, "") + chunk.text
        if event.name == "sealed":
            info = LogSource.model_validate_json(event.data)
            self.sealed.append((info.workload_id, info.source))

    async def read(self, number: int | None = None) -> None:
        """Take so many events, or all until the stream ends."""
        async with asyncio.timeout(20), aclosing(await self.open()) as events:
            async for event in events:
                self.take(event)
                if number is not None and (number := number - 1) == 0:
                    return


async def write(stage: Scene, attempt: Attempt, source: str, data: bytes) -> None:
    workload = attempt.workload.id
    size = (await stage.parts.logs.stat(workload, source)).size
    await stage.parts.logs.append(workload, source, size, data, [Mark(size, 1_000_000)])


async def seal(stage: Scene, attempt: Attempt, source: str) -> None:
    workload = attempt.workload.id
    size = (await stage.parts.logs.stat(workload, source)).size
    data = await stage.parts.logs.read(workload, source, 0, size)
    await stage.parts.logs.seal(workload, source, size, hashlib.sha256(data).hexdigest(), 1)


async def finish(stage: Scene, attempt: Attempt) -> None:
    async with stage.parts.database.session() as session:
        row = await workloads.locked(session, attempt.workload.id)
        assert row is not None
        await workloads.move(session, row, Status.CRASHED, "test", None, stage.parts.clock.now())
    workloads.tell(stage.parts, str(stage.agent.project_id))


@pytest.mark.asyncio
async def test_a_run_is_followed_over_its_attempts(stage: Scene) -> None:
    first = await stage.attempt(RUN)
    reader = Reader(stage)
    reading = asyncio.create_task(reader.read())
    await write(stage, first, "launcher", b"begin\n")
    await write(stage, first, "flow", "é".encode()[:1])
    await write(stage, first, "flow", "é".encode()[1:] + b"\n")
    second = await stage.attempt(RUN)
    await finish(stage, first)
    await write(stage, second, "flow", b"again\n")
    for attempt, source in ((first, "launcher"), (first, "flow"), (second, "flow")):
        await seal(stage, attempt, source)
    assert not reading.done()
    await finish(stage, second)
    await reading
    assert reader.text == {
        (first.workload.id, "launcher"): "begin\n",
        (first.workload.id, "flow"): "é\n",
        (second.workload.id, "flow"): "again\n",
    }
    assert sorted(reader.sealed) == sorted(reader.text)
    assert reader.names[-1] == "end"


@pytest.mark.asyncio
async def test_the_end_waits_for_the_seals(stage: Scene) -> None:
    attempt = await stage.attempt(RUN)
    await write(stage, attempt, "flow", b"x")
    await finish(stage, attempt)
    reader = Reader(stage)
    async with asyncio.timeout(20), aclosing(await reader.open()) as events:
        reader.take(await anext(events))
        following = asyncio.ensure_future(anext(events))
        await seal(stage, attempt, "flow")
        reader.take(await following)
        reader.take(await anext(events))
    assert reader.names == ["log", "sealed", "end"]


@pytest.mark.asyncio
async def test_a_broken_connection_goes_on_without_gap_or_repetition(stage: Scene) -> None:
    attempt = await stage.attempt(RUN)
    text = "".join(f"{n} €\n" for n in range(200_000))
    reader = Reader(stage)
    for start in range(0, len(text), 300_000):
        await write(stage, attempt, "flow", text[start : start + 300_000].encode())
        await write(stage, attempt, "launcher", b"step\n")
        await reader.read(1)
    for source in ("flow", "launcher"):
        await seal(stage, attempt, source)
    await finish(stage, attempt)
    while reader.names[-1] != "end":
        await reader.read(1)
    assert reader.text[attempt.workload.id, "flow"] == text
    assert sorted(reader.sealed) == [(attempt.workload.id, "flow"), (attempt.workload.id, "launcher")]


@pytest.mark.asyncio
async def test_one_source_is_followed_before_it_begins_and_until_it_is_sealed(stage: Scene) -> None:
    attempt = await stage.attempt(RUN)
    place = (attempt.workload.id, "flow")
    reader = Reader(stage, place=place)
    reading = asyncio.create_task(reader.read(1))
    await write(stage, attempt, "launcher", b"not this\n")
    await write(stage, attempt, "flow", b"one\n")
    await reading
    assert reader.last == "4"
    reading = asyncio.create_task(reader.read())
    await write(stage, attempt, "flow", b"two\n")
    await seal(stage, attempt, "flow")
    await reading
    assert reader.text == {place: "one\ntwo\n"}
    assert reader.names[-2:] == ["sealed", "end"]
    other = Reader(stage, place=place)
    other.last, other.text = "4", {place: "one\n"}
    await other.read()
    assert other.text == {place: "one\ntwo\n"}


@pytest.mark.asyncio
async def test_what_was_never_started_ends(stage: Scene) -> None:
    attempt = await stage.attempt(RUN)
    await finish(stage, attempt)
    for place in (None, (attempt.workload.id, "flow")):
        reader = Reader(stage, place=place)
        await reader.read()
        assert reader.names == ["end"]


@pytest.mark.asyncio
async def test_quiet_streams_show_that_they_live(stage: Scene) -> None:
    settings = replace(stage.parts.config, logs=LogSettings(heartbeat_seconds=0.05))
    stage.parts = replace(stage.parts, config=settings)
    await stage.attempt(RUN)
    reader = Reader(stage)
    await reader.read(3)
    assert reader.names == [None, None, None]


@pytest.mark.asyncio
async def test_a_reader_is_a_watcher_while_it_reads(stage: Scene) -> None:
    attempt = await stage.attempt(RUN)
    await write(stage, attempt, "flow", b"x\n")
    activity = stage.parts.log_activity
    async with aclosing(await Reader(stage).open()) as events:
        await anext(events)
        assert activity.watched(attempt.workload.id)
    assert not activity.watched(attempt.workload.id)
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.asyncio
async def test_a_reader_who_is_no_member_any_more_gets_nothing_more(stage: Scene) -> None:
    attempt = await stage.attempt(RUN)
    reader = Reader(stage)
    await write(stage, attempt, "flow", b"x\n")
    async with asyncio.timeout(20), aclosing(await reader.open()) as events:
        reader.take(await anext(events))
        async with stage.parts.database.session() as session:
            row = await session.get(MemberRow, (stage.agent.project_id, stage.user.user_id))
            await session.delete(row)
        workloads.tell(stage.parts, str(stage.agent.project_id))
        assert [event async for event in events] == []


@pytest.mark.asyncio
@pytest.mark.parametrize("ident", ["x", "4", "e30=!", "WzFd", "eyJhIjoxfQ==", json.dumps({"a/b": 1})])
async def test_an_id_of_something_else_is_refused(stage: Scene, ident: str) -> None:
    await stage.attempt(RUN)
    reader = Reader(stage)
    reader.last = ident
    with pytest.raises(UsageError, match="Last-Event-ID"):
        await reader.open()


@pytest.mark.asyncio
async def test_an_offset_that_is_none_is_refused(stage: Scene) -> None:
    attempt = await stage.attempt(RUN)
    reader = Reader(stage, place=(attempt.workload.id, "flow"))
    for ident in ("-1", "x", "1.5", "٣"):
        reader.last = ident
        with pytest.raises(UsageError, match="Last-Event-ID"):
            await reader.open()
