"""Pieces: which bytes are given for lines, times, tails and ranges, and where they are cut."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_asyncio

from prefect_platform.errors import NotFound, UsageError
from prefect_platform.server.services import logs_read
from prefect_platform.server.services.logs_read import PIECE_BYTES, Wanted
from prefect_platform.server.stores.logs import Mark
from prefect_platform.wire.logs import LogChunk
from tests.server_scene import Scene, scene


@pytest_asyncio.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Scene]:
    """Pieces come from the log store: one kind of database will do."""
    async with scene(f"sqlite+aiosqlite:///{tmp_path / 'platform.db'}", tmp_path) as made:
        yield made


LINES = "".join(f"line {n}: é€😀\n" for n in range(1000)).encode()


async def written(stage: Scene, data: bytes = LINES, *, seal: bool = False) -> str:
    found = (await stage.attempt()).workload.id
    size = 0
    for start in range(0, len(data), PIECE_BYTES):
        piece = data[start : start + PIECE_BYTES]
        size = await stage.parts.logs.append(found, "flow", start, piece, [Mark(start, 1_000_000 + start)])
    if seal:
        await stage.parts.logs.seal(found, "flow", size, hashlib.sha256(data).hexdigest(), 1)
    return found


async def read(stage: Scene, workload_id: str, **wanted: object) -> LogChunk:
    return await logs_read.read(stage.parts, stage.user, workload_id, "flow", Wanted(**wanted))  # type: ignore[arg-type]


@pytest.mark.asyncio
async def test_by_lines(stage: Scene) -> None:
    found = await written(stage)
    chunk = await read(stage, found, line=500, count=2)
    assert chunk.text == "line 500: é€😀\nline 501: é€😀\n"
    assert (chunk.first_line, chunk.eof) == (500, False)
    assert LINES[chunk.offset : chunk.end].decode() == chunk.text
    assert (await read(stage, found, line=5000)).text == ""
    assert (await read(stage, found, line=0)).text.count("\n") == 200


@pytest.mark.asyncio
async def test_the_last_lines(stage: Scene) -> None:
    found = await written(stage, LINES + b"begun", seal=True)
    chunk = await read(stage, found, tail=2)
    assert chunk.text == "line 999: é€😀\nbegun"
    assert (chunk.first_line, chunk.eof) == (999, True)
    assert (await read(stage, found, tail=0)).text == ""
    assert (await read(stage, found, tail=9999)).offset == 0


@pytest.mark.asyncio
async def test_a_long_tail_is_its_end(stage: Scene) -> None:
    data = b"".join(b"%099d\n" % n for n in range(30_000))
    found = await written(stage, data, seal=True)
    chunk = await read(stage, found, tail=30_000)
    assert chunk.end == len(data)
    assert chunk.eof
    assert PIECE_BYTES - 100 < chunk.end - chunk.offset <= PIECE_BYTES
    assert chunk.offset % 100 == 0
    assert chunk.first_line == chunk.offset // 100


@pytest.mark.asyncio
async def test_a_piece_is_bounded_and_ends_with_a_line(stage: Scene) -> None:
    data = b"".join(b"%099d\n" % n for n in range(30_000))
    found = await written(stage, data)
    text, start = "", 0
    while start < len(data):
        chunk = await read(stage, found, start=start)
        assert chunk.offset == start
        assert chunk.end - chunk.offset <= PIECE_BYTES
        assert chunk.text.endswith("\n")
        text, start = text + chunk.text, chunk.end
    assert text.encode() == data


@pytest.mark.asyncio
async def test_one_long_line_is_cut_between_characters(stage: Scene) -> None:
    data = "€".encode() * 1_000_000
    found = await written(stage, data, seal=True)
    text, start = "", 0
    while not (chunk := await read(stage, found, start=start)).eof:
        text, start = text + chunk.text, chunk.end
    assert (text + chunk.text).encode() == data


@pytest.mark.asyncio
async def test_a_range_is_moved_to_characters(stage: Scene) -> None:
    found = await written(stage, "a€b".encode(), seal=True)
    assert [(await read(stage, found, start=start, end=5)).offset for start in range(5)] == [0, 1, 1, 1, 4]
    assert (await read(stage, found, start=0, end=2)).text == "a"
    assert (await read(stage, found, start=1, end=2)).text == "€"
    assert (await read(stage, found, start=99)).offset == 5


@pytest.mark.asyncio
async def test_half_a_character_waits_for_the_rest_unless_sealed(stage: Scene) -> None:
    data = "a€".encode()[:-1]
    open_, sealed = await written(stage, data), await written(stage, data, seal=True)
    assert (await read(stage, open_)).text == "a"
    assert (await read(stage, open_, start=1)).end == 1
    assert (await read(stage, sealed)).text == "a\ufffd"
    assert (await read(stage, sealed)).eof


@pytest.mark.asyncio
async def test_by_time(stage: Scene) -> None:
    found = await written(stage, b"x" * 2 * PIECE_BYTES)
    ms = 1_000_000 + PIECE_BYTES
    chunk = await read(stage, found, since=datetime.fromtimestamp(ms / 1000, UTC))
    assert chunk.offset == PIECE_BYTES
    assert chunk.at == datetime.fromtimestamp(ms / 1000, UTC)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "wanted",
    [
        {"start": -1},
        {"start": 5, "end": 4},
        {"tail": 1, "line": 1},
        {"count": 1},
        {"line": -1},
        {"since": datetime(2026, 1, 1)},  # noqa: DTZ001 - that it has no zone is the fault
    ],
)
async def test_what_cannot_be_meant_is_refused(stage: Scene, wanted: dict[str, object]) -> None:
    found = await written(stage)
    with pytest.raises(UsageError):
        await read(stage, found, **wanted)


@pytest.mark.asyncio
async def test_an_absent_source_names_those_there_are(stage: Scene) -> None:
    found = await written(stage)
    with pytest.raises(NotFound, match="Its sources: flow"):
        await logs_read.read(stage.parts, stage.user, found, "launcher", Wanted())
