"""The work queue: merged, never twice at once, patient with what fails."""

from __future__ import annotations

import asyncio

import pytest

from prefect_platform.server.controller.queue import WorkQueue
from prefect_platform.testing.manual_clock import ManualClock

pytestmark = pytest.mark.asyncio


async def nothing(queue: WorkQueue) -> bool:
    try:
        async with asyncio.timeout(0):
            await queue.get()
    except TimeoutError:
        return True
    return False


async def test_puts_of_one_key_merge() -> None:
    queue = WorkQueue(ManualClock())
    for key in ("a", "b", "a", "a"):
        queue.put(key)
    assert [await queue.get(), await queue.get()] == ["a", "b"]
    assert await nothing(queue)


async def test_a_busy_key_waits_and_comes_once_more() -> None:
    queue = WorkQueue(ManualClock())
    queue.put("a")
    await queue.get()
    queue.put("a")
    queue.put("a")
    assert await nothing(queue)
    queue.done("a")
    assert await queue.get() == "a"
    queue.done("a")
    assert await nothing(queue)


async def test_failures_wait_twice_as_long_each_time_up_to_a_cap() -> None:
    clock = ManualClock()
    queue = WorkQueue(clock, first_seconds=1, cap_seconds=5)
    queue.put("a")
    delays = []
    for _ in range(5):
        await queue.get()
        delays.append(queue.fail("a"))
        await asyncio.sleep(0)
        await clock.advance(delays[-1] - 0.01)
        assert await nothing(queue)
        await clock.advance(0.01)
    assert delays == [1, 2, 4, 5, 5]
    await queue.get()
    queue.done("a")
    queue.put("a")
    await queue.get()
    assert queue.fail("a") == 1, "success forgets the failures"
    queue.close()


async def test_a_wait_holds_until_something_changed() -> None:
    clock = ManualClock()
    queue = WorkQueue(clock, first_seconds=10)
    queue.put("a", "starting")
    await queue.get()
    queue.put("a", "starting")
    queue.fail("a")
    queue.put("a", "starting")
    assert await nothing(queue)
    queue.put("a", "stopping")
    assert await queue.get() == "a"
    queue.put("a", "ended")
    assert queue.fail("a") == 0, "it changed while it was worked on"
    assert await queue.get() == "a"
    queue.close()


async def test_many_workers_never_share_a_key() -> None:
    queue = WorkQueue(ManualClock())
    busy: set[str] = set()
    counts = dict.fromkeys("abc", 0)

    async def worker() -> None:
        while True:
            key = await queue.get()
            assert key not in busy
            busy.add(key)
            await asyncio.sleep(0)
            counts[key] += 1
            busy.remove(key)
            queue.done(key)

    workers = [asyncio.create_task(worker()) for _ in range(4)]
    for _ in range(50):
        for key in counts:
            queue.put(key)
        await asyncio.sleep(0)
    for _ in range(20):
        await asyncio.sleep(0)
    for task in workers:
        assert not task.done()
        task.cancel()
    assert all(count > 5 for count in counts.values())
