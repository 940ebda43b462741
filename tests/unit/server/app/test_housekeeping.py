"""Housekeeping: sweeps an hour apart, and outlives a sweep that failed."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from prefect_platform.server.app.housekeeping import EVERY_SECONDS, FIRST_SECONDS, housekeeping
from prefect_platform.server.services import deletions, idempotency
from prefect_platform.server.services.parts import Parts
from prefect_platform.server.stores.memory_blobs import MemoryBlobs
from prefect_platform.testing.manual_clock import ManualClock
from tests import server_calls


class BrokenBlobs(MemoryBlobs):
    """A store that cannot delete, until it can."""

    def __init__(self) -> None:
        super().__init__()
        self.broken = True
        self.deleted = asyncio.Event()

    async def delete(self, sha256: str) -> None:
        self.deleted.set()
        if self.broken:
            raise OSError("the disk is away")
        await super().delete(sha256)


async def swept(blobs: BrokenBlobs) -> None:
    async with asyncio.timeout(10):
        await blobs.deleted.wait()
    blobs.deleted.clear()


async def unused_bundle(parts: Parts, data: bytes) -> None:
    from prefect_platform.server.services import bundles

    owner, digest = await server_calls.owner(parts), server_calls.sha256(data)
    await bundles.put(parts, owner, "default", digest, digest, server_calls.pieces(data))


@pytest.mark.asyncio
async def test_a_sweep_that_failed_is_made_up_for(parts: Parts, caplog: pytest.LogCaptureFixture) -> None:
    blobs = BrokenBlobs()
    parts = replace(parts, blobs=blobs)
    assert isinstance(parts.clock, ManualClock)
    await unused_bundle(parts, b"first")
    await parts.clock.advance(2 * idempotency.KEPT.total_seconds())
    async with housekeeping(parts):
        await asyncio.sleep(0)
        assert not blobs.deleted.is_set()
        await parts.clock.advance(FIRST_SECONDS)
        await swept(blobs)
        blobs.broken = False
        await unused_bundle(parts, b"second")
        for _ in range(48):  # the second bundle has to be a day old
            await parts.clock.advance(EVERY_SECONDS)
            if blobs.deleted.is_set():
                break
            await asyncio.sleep(0.05)
        await swept(blobs)
    assert "tried again in an hour" in caplog.text


@pytest.mark.asyncio
async def test_it_ends_with_its_block(parts: Parts) -> None:
    before = asyncio.all_tasks()
    async with housekeeping(parts):
        assert len(asyncio.all_tasks()) == len(before) + 3
    assert asyncio.all_tasks() == before


@pytest.mark.asyncio
async def test_a_round_under_way_is_done_before_it_ends(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, ended, go_on = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def slow(parts: Parts) -> int:
        begun.set()
        await go_on.wait()
        ended.set()
        return 0

    monkeypatch.setattr(deletions, "sweep", slow)
    async with housekeeping(parts):
        await begun.wait()
        asyncio.get_running_loop().call_soon(go_on.set)
    assert ended.is_set()


@pytest.mark.asyncio
async def test_a_round_of_deletions_that_fails_is_tried_again(
    parts: Parts, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    again = asyncio.Event()
    tries = iter([OSError("the database is away"), None])

    async def sweep(parts: Parts) -> int:
        error = next(tries)
        if error is not None:
            raise error
        again.set()
        return 0

    assert isinstance(parts.clock, ManualClock)
    monkeypatch.setattr(deletions, "sweep", sweep)
    async with housekeeping(parts), asyncio.timeout(10):
        while not again.is_set():
            await parts.clock.advance(deletions.SWEEP_SECONDS)
    assert "do not go on" in caplog.text
