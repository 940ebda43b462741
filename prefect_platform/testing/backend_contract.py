"""The suite that every backend passes.

    class TestMine(BackendContract):
        def make_stage(self, directory: Path) -> Stage:
            return MyStage(directory)

A `Stage` moves what the backend runs on: it lets launchers end, vanish and leave logs behind.
"""

from __future__ import annotations

import asyncio
import json
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest
import pytest_asyncio

from prefect_platform.backends.base import Backend, Handle, Observed, Phase, RecoveredEnd, WorkloadSpec
from prefect_platform.names import new_id
from prefect_platform.testing.backend_stages import Stage

WAIT_SECONDS = 20.0
PIECE = 1 << 20
TOKEN = "pp_workload_" + "t" * 43


def workload(workload_id: str | None = None, memory_bytes: int = 64 << 20) -> WorkloadSpec:
    """Something to start."""
    return WorkloadSpec(
        workload_id=workload_id or new_id("wl"),
        url="http://127.0.0.1:1",
        token=TOKEN,
        cores=1.0,
        memory_bytes=memory_bytes,
        grace_seconds=1.0,
    )


def saved(handle: Handle) -> Handle:
    """A handle as it comes back from a database."""
    return dict(json.loads(json.dumps(dict(handle))))


async def started(backend: Backend, spec: WorkloadSpec, handle: Handle | None = None) -> Handle:
    """Start to the end, as a controller does. The last handle that was saved."""
    last: Handle = handle or {}
    async for step in backend.start(spec, last):
        last = saved(step)
    return last


async def begun(
    backend: Backend, spec: WorkloadSpec, steps: int, handle: Handle | None = None
) -> list[Handle]:
    """The handles of the first `steps` steps; then the platform is gone."""
    found: list[Handle] = []
    steps_of_start = backend.start(spec, handle or {})
    async for step in steps_of_start:
        found.append(saved(step))
        if len(found) == steps:
            break
    if hasattr(steps_of_start, "aclose"):
        await steps_of_start.aclose()
    return found


async def seen(backend: Backend, handle: Handle) -> Observed:
    return (await backend.observe({"it": handle}))["it"]


async def reached(backend: Backend, handle: Handle, phase: Phase) -> Observed:
    """The observation once it has this phase.

    Raises:
        AssertionError: it does not get there.
    """
    deadline = time.monotonic() + WAIT_SECONDS
    while (found := await seen(backend, handle)).phase is not phase:
        assert time.monotonic() < deadline, f"still {found}, not {phase}"
        await backend.wait_for_change(0.05)
    return found


async def recovered(
    backend: Backend, handle: Handle, have: Mapping[str, int] | None = None
) -> dict[str, bytes]:
    """All recovered bytes by source, checked to be contiguous and in pieces of at most 1 MiB."""
    found: dict[str, bytes] = {}
    begin = have or {}
    async for piece in backend.recover_logs(handle, begin):
        assert 0 < len(piece.data) <= PIECE
        assert piece.offset == begin.get(piece.source, 0) + len(found.get(piece.source, b""))
        found[piece.source] = found.get(piece.source, b"") + piece.data
    return found


class BackendContract(ABC):
    """Subclass it in a test module, and say what the stage is."""

    @abstractmethod
    def make_stage(self, directory: Path) -> Stage:
        """The ground for one test; `directory` is empty and its own."""

    @pytest_asyncio.fixture
    async def stage(self, tmp_path: Path) -> AsyncIterator[Stage]:
        stage = self.make_stage(tmp_path)
        yield stage
        await stage.close()

    async def running(self, stage: Stage, backend: Backend) -> tuple[str, Handle]:
        """A workload that runs, and its handle."""
        spec = workload()
        handle = await started(backend, spec)
        await stage.run(spec.workload_id)
        assert (await seen(backend, handle)).phase is Phase.RUNNING
        return spec.workload_id, handle

    # Start

    @pytest.mark.asyncio
    async def test_a_start_runs_one_launcher(self, stage: Stage) -> None:
        backend = stage.backend()
        workload_id, _ = await self.running(stage, backend)
        assert stage.launches() == [workload_id]

    @pytest.mark.asyncio
    async def test_something_is_saved_before_anything_runs(self, stage: Stage) -> None:
        backend = stage.backend()
        spec = workload()
        [first] = await begun(backend, spec, 1)
        assert first
        assert (await seen(backend, first)).phase is Phase.PENDING
        assert stage.launches() == []

    @pytest.mark.asyncio
    async def test_a_handle_is_plain_json_without_the_token(self, stage: Stage) -> None:
        async for handle in stage.backend().start(workload(), {}):
            assert all(type(value) in (str, int, float) for value in handle.values())
            assert saved(handle) == dict(handle)
            assert TOKEN not in json.dumps(dict(handle))

    @pytest.mark.asyncio
    @pytest.mark.parametrize("steps", [1, 2])
    async def test_an_interrupted_start_goes_on_and_starts_once(self, stage: Stage, steps: int) -> None:
        spec = workload()
        last = (await begun(stage.backend(), spec, steps))[-1]
        after = stage.backend()
        handle = await started(after, spec, last)
        await stage.run(spec.workload_id)
        assert (await seen(after, handle)).phase is Phase.RUNNING
        assert stage.launches() == [spec.workload_id]

    @pytest.mark.asyncio
    @pytest.mark.parametrize("steps", [1, 2])
    async def test_a_step_whose_handle_was_not_saved_is_not_done_twice(
        self, stage: Stage, steps: int
    ) -> None:
        spec = workload()
        handles: list[Handle] = [{}, *await begun(stage.backend(), spec, steps)]
        after = stage.backend()
        handle = await started(after, spec, handles[-2])
        await stage.run(spec.workload_id)
        assert (await seen(after, handle)).phase is Phase.RUNNING
        assert stage.launches() == [spec.workload_id]

    @pytest.mark.asyncio
    async def test_a_start_that_was_done_does_nothing(self, stage: Stage) -> None:
        backend = stage.backend()
        spec = workload()
        handle = await started(backend, spec)
        await stage.run(spec.workload_id)
        assert await started(backend, spec, handle) == handle
        assert stage.launches() == [spec.workload_id]

    @pytest.mark.asyncio
    async def test_a_start_does_not_bring_back_what_has_ended(self, stage: Stage) -> None:
        spec = workload()
        first = stage.backend()
        [early, handle] = await begun(first, spec, 2)
        await stage.run(spec.workload_id)
        await stage.end(spec.workload_id, 0)
        await reached(first, handle, Phase.ENDED)
        again = stage.backend()
        assert (await seen(again, await started(again, spec, early))).phase is Phase.ENDED
        assert stage.launches() == [spec.workload_id]

    @pytest.mark.asyncio
    async def test_many_start_at_once(self, stage: Stage) -> None:
        backend = stage.backend()
        specs = [workload() for _ in range(12)]
        handles = await asyncio.gather(*(started(backend, spec) for spec in specs))
        ids = [spec.workload_id for spec in specs]
        for workload_id in ids:
            await stage.run(workload_id)
        found = await backend.observe(dict(zip(ids, handles, strict=True)))
        assert {one.phase for one in found.values()} == {Phase.RUNNING}
        assert sorted(stage.launches()) == sorted(ids)

    @pytest.mark.asyncio
    async def test_two_that_start_the_same_start_it_once(self, stage: Stage) -> None:
        backend = stage.backend()
        spec = workload()
        one, other = await asyncio.gather(started(backend, spec), started(backend, spec))
        await stage.run(spec.workload_id)
        assert one == other
        assert stage.launches() == [spec.workload_id]

    # Stop

    @pytest.mark.asyncio
    async def test_stop_ends_what_runs(self, stage: Stage) -> None:
        backend = stage.backend()
        _, handle = await self.running(stage, backend)
        await backend.stop(handle, 5.0)
        await reached(backend, handle, Phase.ENDED)

    @pytest.mark.asyncio
    async def test_stop_again_and_stop_of_what_ended_are_no_harm(self, stage: Stage) -> None:
        backend = stage.backend()
        _, handle = await self.running(stage, backend)
        await backend.stop(handle, 5.0)
        await backend.stop(handle, 5.0)
        last = await reached(backend, handle, Phase.ENDED)
        await backend.stop(handle, 5.0)
        assert await seen(backend, handle) == last

    @pytest.mark.asyncio
    async def test_stop_of_what_is_absent_does_nothing(self, stage: Stage) -> None:
        backend = stage.backend()
        await backend.stop({}, 5.0)
        workload_id, handle = await self.running(stage, backend)
        await stage.vanish(workload_id)
        await backend.stop(handle, 5.0)
        assert (await seen(backend, handle)).phase is Phase.ABSENT

    @pytest.mark.asyncio
    async def test_stopped_in_the_middle_of_its_start_it_never_runs(self, stage: Stage) -> None:
        backend = stage.backend()
        spec = workload()
        [handle] = await begun(backend, spec, 1)
        await backend.stop(handle, 5.0)
        ended = await reached(backend, handle, Phase.ENDED)
        assert "before" in (ended.reason or "")
        handle = await started(backend, spec, handle)
        assert (await seen(backend, handle)).phase is Phase.ENDED
        assert stage.launches() == []

    @pytest.mark.asyncio
    async def test_what_a_lost_save_hides_can_be_stopped(self, stage: Stage) -> None:
        spec = workload()
        [early, _] = await begun(stage.backend(), spec, 2)
        await stage.run(spec.workload_id)
        after = stage.backend()
        assert (await seen(after, early)).phase is Phase.RUNNING
        await after.stop(early, 5.0)
        await reached(after, early, Phase.ENDED)

    # Observe

    @pytest.mark.asyncio
    async def test_every_key_is_answered(self, stage: Stage) -> None:
        backend = stage.backend()
        _, runs = await self.running(stage, backend)
        ended_id, ended = await self.running(stage, backend)
        await stage.end(ended_id, 0)
        await reached(backend, ended, Phase.ENDED)
        gone_id, gone = await self.running(stage, backend)
        await stage.vanish(gone_id)
        [pending] = await begun(backend, workload(), 1)
        found = await backend.observe({"r": runs, "e": ended, "g": gone, "p": pending, "n": {}})
        phases = {key: one.phase for key, one in found.items()}
        assert phases == {
            "r": Phase.RUNNING,
            "e": Phase.ENDED,
            "g": Phase.ABSENT,
            "p": Phase.PENDING,
            "n": Phase.ABSENT,
        }
        assert await backend.observe({}) == {}

    @pytest.mark.asyncio
    async def test_the_exit_code_is_told_again_and_again(self, stage: Stage) -> None:
        backend = stage.backend()
        workload_id, handle = await self.running(stage, backend)
        await stage.end(workload_id, 3)
        for _ in range(2):
            ended = await reached(backend, handle, Phase.ENDED)
            assert (ended.exit_code, ended.signal) == (3, None)

    @pytest.mark.asyncio
    async def test_an_end_wakes_who_waits(self, stage: Stage) -> None:
        backend = stage.backend()
        workload_id, handle = await self.running(stage, backend)
        await backend.wait_for_change(0)  # what has happened so far
        began = time.monotonic()
        waiting = asyncio.create_task(backend.wait_for_change(WAIT_SECONDS))
        await stage.end(workload_id, 0)
        await waiting
        assert time.monotonic() - began < WAIT_SECONDS / 2
        assert (await seen(backend, handle)).phase is Phase.ENDED

    @pytest.mark.asyncio
    async def test_a_wait_for_nothing_returns(self, stage: Stage) -> None:
        backend = stage.backend()
        await backend.wait_for_change(0.01)

    # Adoption

    @pytest.mark.asyncio
    async def test_a_new_backend_adopts_what_runs(self, stage: Stage) -> None:
        workload_id, handle = await self.running(stage, stage.backend())
        after = stage.backend()
        assert (await seen(after, handle)).phase is Phase.RUNNING
        await stage.end(workload_id, 0)
        await reached(after, handle, Phase.ENDED)
        assert stage.launches() == [workload_id]

    @pytest.mark.asyncio
    async def test_a_new_backend_stops_what_runs(self, stage: Stage) -> None:
        _, handle = await self.running(stage, stage.backend())
        after = stage.backend()
        await after.stop(handle, 5.0)
        await reached(after, handle, Phase.ENDED)

    # What is left behind

    async def left(
        self, stage: Stage, backend: Backend, logs: Mapping[str, bytes], result: Mapping[str, object] | None
    ) -> Handle:
        """An ended workload that left this behind."""
        workload_id, handle = await self.running(stage, backend)
        await stage.leave(workload_id, logs, result)
        await stage.end(workload_id, 0)
        await reached(backend, handle, Phase.ENDED)
        return handle

    @pytest.mark.asyncio
    async def test_logs_and_result_are_there_until_they_are_removed(self, stage: Stage) -> None:
        backend = stage.backend()
        logs = {"flow": bytes(range(256)) * 16384, "launcher": b"started\nended\n"}
        result = {"exit_code": 0, "signal": None, "receipt": "COMPLETED"}
        handle = await self.left(stage, backend, logs, result)
        for one in (backend, stage.backend()):
            assert await recovered(one, handle) == logs
            end = await one.recover_end(handle)
            assert dict(end.result or {}) == result
            assert end.complete == {"flow", "launcher"}

    @pytest.mark.asyncio
    @pytest.mark.parametrize("have", [1, 3_000_000, 3 << 20, (3 << 20) + 1, 5_000_000])
    async def test_recovery_goes_on_where_the_platform_is(self, stage: Stage, have: int) -> None:
        backend = stage.backend()
        data = bytes(range(250)) * 20_000
        handle = await self.left(stage, backend, {"flow": data, "launcher": b"x"}, None)
        found = await recovered(backend, handle, {"flow": have})
        assert found.pop("launcher") == b"x"
        assert found.get("flow", b"") == data[have:]

    @pytest.mark.asyncio
    async def test_a_launcher_that_was_cut_off_left_nothing_complete(self, stage: Stage) -> None:
        backend = stage.backend()
        handle = await self.left(stage, backend, {"flow": b"half a li"}, None)
        end = await backend.recover_end(handle)
        assert (end.result, end.complete, end.begun) == (None, frozenset(), frozenset({"flow"}))
        assert await recovered(backend, handle) == {"flow": b"half a li"}

    @pytest.mark.asyncio
    async def test_remove_leaves_nothing_and_may_be_said_again(self, stage: Stage) -> None:
        backend = stage.backend()
        handle = await self.left(stage, backend, {"flow": b"line\n"}, {"exit_code": 0})
        for _ in range(2):
            await backend.remove(handle)
            assert (await seen(backend, handle)).phase is Phase.ABSENT
            assert await recovered(backend, handle) == {}
            assert await backend.recover_end(handle) == RecoveredEnd(None, frozenset())
        await backend.remove({})

    @pytest.mark.asyncio
    async def test_nothing_was_left_by_nothing(self, stage: Stage) -> None:
        backend = stage.backend()
        assert await recovered(backend, {}) == {}
        assert await backend.recover_end({}) == RecoveredEnd(None, frozenset())

    # Capacity

    @pytest.mark.asyncio
    async def test_capacity_is_a_size_or_the_infrastructures_own_matter(self, stage: Stage) -> None:
        size = await stage.backend().capacity([])
        assert size is None or (size.cores > 0 and size.memory_bytes > 0)
