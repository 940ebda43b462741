"""Results: what a key stands for, within its project, until nobody uses it; never other bytes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from prefect_platform.errors import DigestMismatch, NotFound, TooLarge, Unavailable
from prefect_platform.server.config import LimitSettings
from prefect_platform.server.services import projects, results
from prefect_platform.server.services.callers import Caller
from prefect_platform.server.services.parts import Parts
from prefect_platform.server.stores.file_blobs import FileBlobs
from prefect_platform.server.stores.memory_blobs import MemoryBlobs
from prefect_platform.testing.manual_clock import ManualClock
from prefect_platform.wire.projects import ProjectCreate
from prefect_platform.wire.tokens import TokenKind
from tests import server_calls

KEY, OTHER = "a" * 64, "b" * 64


async def code(parts: Parts) -> Caller:
    """The user code of a run in the default project."""
    project = await server_calls.project_id(parts)
    return Caller(TokenKind.USER_CODE, "tk-code", "wl-1", project_id=project, subject_id="wl-1")


async def put(parts: Parts, data: bytes, key: str = KEY, project: str = "default") -> None:
    caller = await server_calls.owner(parts)
    digest = server_calls.sha256(data)
    told = await results.put(parts, caller, project, key, digest, server_calls.pieces(data))
    assert (told.sha256, told.size) == (digest, len(data))


async def read(parts: Parts, key: str = KEY, caller: Caller | None = None, project: str = "default") -> bytes:
    caller = caller or await server_calls.owner(parts)
    content = await results.open_(parts, caller, project, key)
    data = content.data
    if not isinstance(data, bytes):
        data = b"".join([piece async for piece in data])
    assert len(data) == content.size
    return data


def blobs(parts: Parts) -> dict[str, bytes]:
    assert isinstance(parts.results, MemoryBlobs)
    return parts.results.blobs


def clock(parts: Parts) -> ManualClock:
    assert isinstance(parts.clock, ManualClock)
    return parts.clock


@pytest.mark.asyncio
async def test_a_key_stands_for_what_was_written_last(parts: Parts) -> None:
    await put(parts, b"one")
    assert await read(parts) == b"one"
    await put(parts, b"two")
    assert await read(parts) == b"two"
    assert list(blobs(parts).values()) == [b"two"], "nobody uses the first any more"


@pytest.mark.asyncio
async def test_bytes_that_stand_under_two_keys_stay_for_the_second(parts: Parts) -> None:
    owner = await server_calls.owner(parts)
    await put(parts, b"same")
    await put(parts, b"same", OTHER)
    await results.delete(parts, owner, "default", KEY)
    await results.delete(parts, owner, "default", KEY)
    assert await read(parts, OTHER) == b"same"
    await put(parts, b"else", OTHER)
    assert list(blobs(parts).values()) == [b"else"]


@pytest.mark.asyncio
async def test_wrong_or_too_many_bytes_leave_the_key_as_it_was(parts: Parts) -> None:
    owner = await server_calls.owner(parts)
    await put(parts, b"good")
    with pytest.raises(DigestMismatch):
        await results.put(parts, owner, "default", KEY, "f" * 64, server_calls.pieces(b"wrong"))
    small = replace(parts, config=replace(parts.config, limits=LimitSettings(result_bytes=3)))
    with pytest.raises(TooLarge):
        await put(small, b"four")
    assert await read(parts) == b"good"
    assert list(blobs(parts).values()) == [b"good"]


@pytest.mark.asyncio
async def test_a_result_is_seen_in_its_project_alone(parts: Parts) -> None:
    owner, run = await server_calls.owner(parts), await code(parts)
    await projects.create(parts, owner, ProjectCreate(name="other"))
    await put(parts, b"ours")
    await put(parts, b"theirs", project="other")
    assert await read(parts, caller=run) == b"ours"
    assert await read(parts, project="other") == b"theirs"
    stranger = await server_calls.user(parts, "bob")
    for caller, project in ((run, "other"), (stranger, "default")):
        with pytest.raises(NotFound, match="no project"):
            await read(parts, caller=caller, project=project)
        with pytest.raises(NotFound, match="no project"):
            await results.delete(parts, caller, project, KEY)
        with pytest.raises(NotFound, match="no project"):
            await results.put(parts, caller, project, KEY, "f" * 64, server_calls.pieces(b""))
    await results.delete(parts, owner, "other", KEY)
    assert await read(parts) == b"ours"


@pytest.mark.asyncio
@pytest.mark.parametrize("size", [1000, results.WHOLE_BYTES + 1000])
async def test_altered_bytes_are_never_given_out(parts: Parts, tmp_path: Path, size: int) -> None:
    parts = replace(parts, results=FileBlobs(tmp_path / "results"))
    await put(parts, bytes(size))
    place = next(path for path in (tmp_path / "results").rglob("*") if path.is_file())
    place.write_bytes(b"!" + bytes(size - 1))
    with pytest.raises(DigestMismatch, match=r"was altered.*Run the task or flow again"):
        await read(parts)
    await put(parts, bytes(size))
    assert await read(parts) == bytes(size)


@pytest.mark.asyncio
async def test_bytes_that_are_gone_are_a_result_that_is_not_there(parts: Parts) -> None:
    await put(parts, b"gone")
    blobs(parts).clear()
    with pytest.raises(NotFound, match="never stored, or not used for 30 days"):
        await read(parts)


@pytest.mark.asyncio
async def test_what_is_used_is_kept_and_what_is_not_is_deleted(parts: Parts) -> None:
    await put(parts, b"used")
    await put(parts, b"unused", OTHER)
    await clock(parts).advance(timedelta(days=29).total_seconds())
    assert await read(parts) == b"used"
    await clock(parts).advance(timedelta(days=2).total_seconds())
    assert await results.reap(parts) == 1
    assert await read(parts) == b"used"
    assert list(blobs(parts).values()) == [b"used"]
    with pytest.raises(NotFound):
        await read(parts, OTHER)


@pytest.mark.asyncio
async def test_days_are_the_operators(parts: Parts) -> None:
    short = replace(parts, config=replace(parts.config, limits=LimitSettings(result_days=1)))
    await put(parts, b"data")
    await clock(parts).advance(timedelta(days=1, seconds=1).total_seconds())
    assert await results.reap(parts) == 0
    assert await results.reap(short) == 1


@pytest.mark.asyncio
async def test_what_a_server_left_between_its_steps_is_swept(parts: Parts) -> None:
    await put(parts, b"used")
    left = {f"left {n}".encode() for n in range(2 * results.SWEPT_AT_ONCE)}
    for data in left:
        await parts.results.put(server_calls.sha256(data), server_calls.pieces(data), 100)
    assert await results.reap(parts) == 0
    assert list(blobs(parts).values()) == [b"used"]


class Interrupted(MemoryBlobs):
    """Lets something happen right after bytes were stored, before a key stands for them."""

    def __init__(self) -> None:
        super().__init__()
        self.happens: list[AsyncIterator[None]] = []

    async def put(self, sha256: str, data: AsyncIterator[bytes], limit: int) -> int:
        size = await super().put(sha256, data, limit)
        while self.happens:
            await anext(self.happens.pop(), None)
        return size


@pytest.mark.asyncio
async def test_a_sweep_in_the_middle_of_an_upload_is_told(parts: Parts) -> None:
    store = Interrupted()
    parts = replace(parts, results=store)

    async def sweep() -> AsyncIterator[None]:
        await results.reap(parts)
        yield

    store.happens = [sweep()]
    with pytest.raises(Unavailable, match="send it again"):
        await put(parts, b"swept away")
    with pytest.raises(NotFound):
        await read(parts)
    await put(parts, b"swept away")
    assert await read(parts) == b"swept away"


@pytest.mark.asyncio
async def test_sweeps_beside_uploads_never_delete_what_a_key_stands_for(parts: Parts) -> None:
    """The same bytes come and go under several keys while sweeps go on."""
    owner = await server_calls.owner(parts)
    over = asyncio.Event()

    async def come_and_go(key: str) -> None:
        for _ in range(15):
            try:
                await put(parts, b"shared", key)
            except Unavailable:
                continue
            assert await read(parts, key) == b"shared"
            await results.delete(parts, owner, "default", key)

    async def sweep() -> None:
        while not over.is_set():
            await results.reap(parts)

    sweeping = asyncio.create_task(sweep())
    await asyncio.gather(*(come_and_go(letter * 64) for letter in "abc"))
    over.set()
    await sweeping
    assert blobs(parts) == {}


@pytest.mark.asyncio
async def test_one_key_written_many_times_at_once(parts: Parts) -> None:
    written = [f"value {n}".encode() for n in range(8)]
    await asyncio.gather(*(put(parts, data) for data in written))
    assert await read(parts) in written
    await results.reap(parts)
    assert len(blobs(parts)) == 1
