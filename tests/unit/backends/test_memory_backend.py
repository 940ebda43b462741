"""What a test can say to the memory backend beyond the contract."""

from __future__ import annotations

import signal

import pytest

from prefect_platform.backends.base import Capacity, Phase
from prefect_platform.backends.memory import MemoryBackend
from prefect_platform.errors import Conflict, NoCapacity, NotFound
from prefect_platform.testing.backend_contract import recovered, seen, started, workload


@pytest.mark.asyncio
async def test_a_start_waits_until_it_is_said_to_run() -> None:
    backend, spec = MemoryBackend(), workload("wl-1")
    handle = await started(backend, spec)
    assert backend.launches == [spec]
    assert (await seen(backend, handle)).phase is Phase.PENDING
    backend.run("wl-1")
    assert (await seen(backend, handle)).phase is Phase.RUNNING


@pytest.mark.asyncio
async def test_or_runs_at_once() -> None:
    backend = MemoryBackend(runs_at_once=True)
    assert (await seen(backend, await started(backend, workload()))).phase is Phase.RUNNING


@pytest.mark.asyncio
async def test_an_end_with_logs_and_a_result() -> None:
    backend = MemoryBackend()
    handle = await started(backend, workload("wl-1"))
    backend.write("wl-1", "flow", b"one ")
    backend.write("wl-1", "flow", b"two")
    backend.end(
        "wl-1", signal=9, reason="out of memory", result={"signal": 9}, logs={"launcher": b"x"},
        complete=["launcher"], peak_memory_bytes=7,
    )  # fmt: skip
    last = await seen(backend, handle)
    assert (last.phase, last.exit_code, last.signal, last.reason, last.peak_memory_bytes) == (
        Phase.ENDED, None, 9, "out of memory", 7,
    )  # fmt: skip
    assert await recovered(backend, handle) == {"flow": b"one two", "launcher": b"x"}
    assert (await backend.recover_end(handle)).complete == {"launcher"}


@pytest.mark.asyncio
async def test_stops_are_kept_and_obeyed_or_not() -> None:
    for obeys, phase in ((True, Phase.ENDED), (False, Phase.RUNNING)):
        backend = MemoryBackend(obeys=obeys, runs_at_once=True)
        handle = await started(backend, workload("wl-1"))
        await backend.stop(handle, 3.0)
        assert backend.stops == [("wl-1", 3.0)]
        last = await seen(backend, handle)
        assert last.phase is phase
        assert last.signal == (signal.SIGTERM if obeys else None)


@pytest.mark.asyncio
async def test_a_refusal_is_raised_once() -> None:
    backend = MemoryBackend()
    backend.refuse(NoCapacity("full"))
    with pytest.raises(NoCapacity, match="full"):
        await started(backend, workload())
    assert backend.launches == []
    await started(backend, workload())
    assert len(backend.launches) == 1


@pytest.mark.asyncio
async def test_what_runs_is_not_removed_and_what_is_unknown_is_named() -> None:
    backend = MemoryBackend(runs_at_once=True)
    handle = await started(backend, workload("wl-1"))
    with pytest.raises(Conflict, match="wl-1 still runs"):
        await backend.remove(handle)
    backend.vanish("wl-1")
    await backend.remove(handle)
    assert backend.removed == []
    with pytest.raises(NotFound, match="wl-1 was not started here"):
        backend.run("wl-1")


@pytest.mark.asyncio
async def test_its_size_is_what_it_was_told() -> None:
    assert await MemoryBackend(cores=2, memory_bytes=3).capacity([]) == Capacity(2, 3)
    assert await MemoryBackend(unlimited=True).capacity([]) is None
