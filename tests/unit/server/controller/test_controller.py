"""Whole lives of workloads, with the memory backend and its faulty relatives, on both databases."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import func, select

from prefect_platform.backends.base import WorkloadSpec
from prefect_platform.backends.memory import MemoryBackend
from prefect_platform.server.config import RunSettings
from prefect_platform.server.controller.controller import Controller
from prefect_platform.server.controller.locks import Lock
from prefect_platform.server.db.tables import RunRow, TokenRow, WorkloadRow
from prefect_platform.server.services import attempts, launches, logs, runs, tokens, work, workloads
from prefect_platform.testing import faults
from prefect_platform.wire.runs import Attempt, CancelRequest, ResultReport, Settlement, Status, StepReport
from tests.server_scene import GIB, Scene, scene, until

pytestmark = [pytest.mark.asyncio, pytest.mark.filterwarnings("error")]


@asynccontextmanager
async def controlled(stage: Scene, backend: MemoryBackend) -> AsyncIterator[Controller]:
    controller = Controller(stage.parts, backend)
    await controller.start()
    try:
        yield controller
    finally:
        await controller.stop()


async def launched(backend: MemoryBackend, number: int = 1) -> WorkloadSpec:
    async def look() -> WorkloadSpec | None:
        return backend.launches[number - 1] if len(backend.launches) >= number else None

    return await until(look)


async def found(stage: Scene, attempt: Attempt) -> Attempt:
    return await attempts.show(stage.parts, stage.agent, attempt.id)


async def becomes(stage: Scene, attempt: Attempt, status: Status) -> Attempt:
    async def look() -> Attempt | None:
        now = await found(stage, attempt)
        return now if now.status is status else None

    return await until(look)


async def removed(stage: Scene, attempt: Attempt) -> WorkloadRow:
    async def look() -> WorkloadRow | None:
        row = await stage.row(WorkloadRow, attempt.workload.id)
        return row if row.removed_at is not None else None

    return await until(look)


async def unsettled(stage: Scene) -> Attempt:
    async def look() -> Attempt | None:
        found = (await work.work(stage.parts, stage.agent, None, 0)).unsettled
        return found[0] if found else None

    return await until(look)


async def runs_now(stage: Scene, backend: MemoryBackend, spec: WorkloadSpec) -> None:
    """The launcher claims and its engine runs."""
    backend.run(spec.workload_id)
    launcher = await tokens.resolve(stage.parts, spec.token)
    assert launcher is not None
    await launches.claim(stage.parts, launcher, spec.workload_id, "l-1")
    await launches.step(
        stage.parts, launcher, spec.workload_id, StepReport(name="running", at=stage.parts.clock.now())
    )


async def reports(stage: Scene, spec: WorkloadSpec, **report: object) -> None:
    launcher = await tokens.resolve(stage.parts, spec.token)
    assert launcher is not None
    values = {"exit_code": 0, "signal": None} | report
    await launches.result(stage.parts, launcher, spec.workload_id, ResultReport.model_validate(values))


async def settle(stage: Scene, attempt: Attempt, status: Status, state: str) -> Attempt:
    told = Settlement(status=status, prefect_state=state.capitalize(), prefect_state_type=state)
    return await attempts.settle(stage.parts, stage.agent, attempt.id, told)


async def test_a_run_from_queue_to_removal(stage: Scene) -> None:
    backend = MemoryBackend()
    async with controlled(stage, backend):
        attempt = await stage.attempt()
        spec = await launched(backend)
        assert (spec.workload_id, spec.memory_bytes, spec.cores) == (attempt.workload.id, GIB, 1.0)
        assert spec.url == stage.parts.config.public_url
        await runs_now(stage, backend, spec)
        await logs.append_recovered(stage.parts, spec.workload_id, "flow", 0, b"hello\n")
        await reports(stage, spec, receipt="COMPLETED", receipt_state_name="Completed")
        assert (await found(stage, attempt)).status is Status.SUCCEEDED
        backend.end(spec.workload_id, logs={"flow": b"hello\n"}, complete=["flow"])
        await removed(stage, attempt)
    done = await found(stage, attempt)
    assert [move.status.value for move in done.workload.transitions] == [
        "queued", "provisioning", "starting", "running", "succeeded",
    ]  # fmt: skip
    names = [step.name for step in done.workload.steps]
    assert names == ["placed", "running", "processes-gone", "logs-complete"]
    assert backend.removed == [spec.workload_id]
    async with stage.parts.database.reader() as session:
        live = select(func.count()).select_from(TokenRow).where(TokenRow.revoked_at.is_(None))
        assert await session.scalar(live) == 0, "every token of it is revoked"


async def test_a_dead_launchers_log_is_recovered_marked_and_sealed(stage: Scene) -> None:
    backend = MemoryBackend()
    async with controlled(stage, backend):
        attempt = await stage.attempt()
        spec = await launched(backend)
        await runs_now(stage, backend, spec)
        await logs.append_recovered(stage.parts, spec.workload_id, "flow", 0, b"hel")
        backend.end(
            spec.workload_id, signal=9, logs={"flow": b"hello", "launcher": b"ok\n"}, complete=["launcher"]
        )
        open_attempt = await unsettled(stage)
        assert open_attempt.status is Status.RUNNING
        assert "killed by SIGKILL" in (open_attempt.reason or "")
        await settle(stage, attempt, Status.CRASHED, "CRASHED")
        await removed(stage, attempt)
    text = await stage.parts.logs.read(spec.workload_id, "flow", 0, 1000)
    assert text.startswith(b"hello\n[prefect-platform] up to 65536 bytes may be missing here")
    assert await stage.parts.logs.read(spec.workload_id, "launcher", 0, 1000) == b"ok\n"
    for info in await logs.source_infos(stage.parts, [spec.workload_id]):
        assert info.sealed_at is not None
        assert len(info.gaps) == (1 if info.source == "flow" else 0)
    run = await stage.row(RunRow, attempt.flow_run_id)
    assert (run.status, run.prefect_state) == ("crashed", "Crashed")
    assert "killed by SIGKILL" in run.reason


async def test_a_gap_is_marked_where_not_a_byte_of_a_source_was_kept(stage: Scene) -> None:
    backend = MemoryBackend()
    async with controlled(stage, backend):
        attempt = await stage.attempt()
        spec = await launched(backend)
        await runs_now(stage, backend, spec)
        backend.end(
            spec.workload_id, signal=9, logs={"flow": b"", "launcher": b"ok\n"}, complete=["launcher"]
        )
        await unsettled(stage)
        await settle(stage, attempt, Status.CRASHED, "CRASHED")
        await removed(stage, attempt)
    info = next(s for s in await logs.source_infos(stage.parts, [spec.workload_id]) if s.source == "flow")
    assert [(gap.offset, gap.at_most) for gap in info.gaps] == [(0, 64 << 10)]
    assert info.sealed_at is not None
    text = await stage.parts.logs.read(spec.workload_id, "flow", 0, 1000)
    assert text.startswith(b"\n[prefect-platform] up to 65536 bytes may be missing here")


async def test_a_result_that_the_launcher_could_not_send_is_used(stage: Scene) -> None:
    backend = MemoryBackend()
    async with controlled(stage, backend):
        attempt = await stage.attempt()
        spec = await launched(backend)
        await runs_now(stage, backend, spec)
        result = ResultReport(exit_code=0, signal=None, receipt="FAILED", last_lines="ValueError: no rows")
        backend.end(spec.workload_id, result=result.model_dump(), logs={"flow": b"x"})
        done = await becomes(stage, attempt, Status.FAILED)
        await removed(stage, attempt)
    assert done.reason == "The flow failed: ValueError: no rows"
    assert (await logs.source_infos(stage.parts, [spec.workload_id]))[0].gaps == []


async def test_the_infrastructures_word_on_a_kill_reaches_the_outbox_first(stage: Scene) -> None:
    backend = MemoryBackend()
    async with controlled(stage, backend):
        await stage.attempt()
        spec = await launched(backend)
        await runs_now(stage, backend, spec)
        await reports(stage, spec, exit_code=None, signal=9)
        assert (await work.work(stage.parts, stage.agent, None, 0)).unsettled == []
        reason = "Killed by the memory watch at 1.2 GiB of 1.0 GiB: register it with more memory."
        backend.end(spec.workload_id, exit_code=0, reason=reason)
        assert (await unsettled(stage)).reason == reason


async def test_a_cancel_in_the_queue_never_starts(stage: Scene) -> None:
    backend = MemoryBackend(memory_bytes=GIB)
    async with controlled(stage, backend):
        first = await stage.attempt()
        await launched(backend)
        second = await stage.attempt()
        stage.orchestrator.set_state(second.flow_run_id, "PENDING")
        await runs.cancel(stage.parts, stage.user, second.flow_run_id, CancelRequest(reason="wrong day"))
        done = await becomes(stage, second, Status.CANCELLED)
        await removed(stage, second)
    assert done.reason == "Cancelled by ana: wrong day."
    assert [spec.workload_id for spec in backend.launches] == [first.workload.id]
    assert (await unsettled(stage)).id == second.id, "Prefect has to hear of it"


async def test_a_cancel_stops_what_runs_once_with_its_grace(stage: Scene) -> None:
    backend = faults.NeverEnds()
    async with controlled(stage, backend):
        attempt = await stage.attempt()
        spec = await launched(backend)
        await runs_now(stage, backend, spec)
        await runs.cancel(stage.parts, stage.user, attempt.flow_run_id, CancelRequest())

        async def asked() -> bool:
            row = await stage.row(WorkloadRow, spec.workload_id)
            return workloads.noted(row, workloads.STOP_ASKED) is not None

        await until(asked)
        await reports(stage, spec, receipt="CANCELLED", exit_code=0)
        backend.end(spec.workload_id)
        await removed(stage, attempt)
    assert backend.stops == [(spec.workload_id, 5.0)]
    assert (await found(stage, attempt)).status is Status.CANCELLED


async def test_a_cancel_in_the_middle_of_a_start_leaves_nothing(stage: Scene) -> None:
    backend = faults.SlowToStart()
    async with controlled(stage, backend):
        attempt = await stage.attempt()
        await backend.reached.wait()
        await attempts.cancel(stage.parts, stage.agent, attempt.id, CancelRequest())
        backend.go.set()
        await unsettled(stage)
        await settle(stage, attempt, Status.CANCELLED, "CANCELLED")
        row = await removed(stage, attempt)
    assert row.status == "cancelled"
    assert not backend.infrastructure.workloads
    assert backend.removed == [attempt.workload.id]


@pytest.mark.slow
@pytest.mark.parametrize("fault", [faults.FailsBetween, faults.LosesTheAnswer, faults.FullForAWhile])
async def test_a_start_that_fails_once_is_done_once(stage: Scene, fault: type[MemoryBackend]) -> None:
    backend = fault()
    async with controlled(stage, backend):
        attempt = await stage.attempt()

        async def is_placed() -> bool:
            row = await stage.row(WorkloadRow, attempt.workload.id)
            return workloads.noted(row, workloads.PLACED) is not None

        await until(is_placed)
        await asyncio.sleep(0.1)  # and nothing comes after it
    assert [spec.workload_id for spec in backend.launches] == [attempt.workload.id]
    moves = [move.status.value for move in (await found(stage, attempt)).workload.transitions]
    requeued = ["queued", "provisioning"] * (2 if fault is faults.FullForAWhile else 1)
    assert moves == requeued


@pytest.mark.slow
async def test_a_start_that_never_works_is_a_crash_with_the_reason(stage: Scene) -> None:
    backend = faults.Breaks()
    async with controlled(stage, backend):
        attempt = await stage.attempt()
        crashed = await becomes(stage, attempt, Status.CRASHED)
        assert (await unsettled(stage)).id == attempt.id
        await removed(stage, attempt)
    assert crashed.reason == "It could not be started, 5 times in a row: ZeroDivisionError: division by zero"


async def test_what_can_never_fit_ends_at_once_and_does_not_block_others(stage: Scene) -> None:
    huge = await stage.version(memory_bytes=64 * GIB)
    backend = MemoryBackend(memory_bytes=8 * GIB)
    async with controlled(stage, backend):
        attempt = await stage.attempt(flow_version_id=huge)
        other = await stage.attempt()
        crashed = await becomes(stage, attempt, Status.CRASHED)
        assert (await launched(backend)).workload_id == other.workload.id
    assert crashed.reason == (
        "It declares 64.0 GiB of memory, but all of this platform has 8.0 GiB: it can never start here. "
        "Register the flow with less memory, or on a larger platform."
    )


async def test_memory_is_hard_and_the_queue_goes_by_priority_then_age(stage: Scene) -> None:
    backend = MemoryBackend(memory_bytes=2 * GIB, cores=8)
    async with controlled(stage, backend):
        parent = await stage.attempt()
        second = await stage.attempt()
        await launched(backend, 2)
        third = await stage.attempt()
        child = await stage.attempt(parent_flow_run_id=parent.flow_run_id)
        for one in (third, child):
            assert (await found(stage, one)).status is Status.QUEUED
        order = []
        for number in (3, 4):
            over = (second, parent)[number - 3]
            backend.end(over.workload.id)
            order.append((await launched(backend, number)).workload_id)
    assert order == [child.workload.id, third.workload.id]


async def test_a_full_log_store_delays_the_removal_and_not_the_end(stage: Scene) -> None:
    backend = faults.DiskFull()
    async with controlled(stage, backend):
        attempt = await stage.attempt()
        spec = await launched(backend)
        await runs_now(stage, backend, spec)
        backend.end(spec.workload_id, signal=9, logs={"flow": b"all of it"}, complete=["flow"])
        await unsettled(stage)
        await settle(stage, attempt, Status.CRASHED, "CRASHED")
        assert (await stage.row(WorkloadRow, spec.workload_id)).removed_at is None
        backend.full = False
        await removed(stage, attempt)
    assert await stage.parts.logs.read(spec.workload_id, "flow", 0, 100) == b"all of it"


async def test_nothing_starts_before_the_size_of_the_machine_is_known(stage: Scene) -> None:
    stage.parts.machine.known = False
    backend = faults.NoSize()
    async with controlled(stage, backend):
        attempt = await stage.attempt()
        assert (await found(stage, attempt)).status is Status.QUEUED
        backend.broken = False
        await launched(backend)


async def test_a_new_controller_adopts_what_runs(stage: Scene) -> None:
    backend = MemoryBackend()
    async with controlled(stage, backend):
        attempt = await stage.attempt()
        spec = await launched(backend)
        await runs_now(stage, backend, spec)
    restarted = MemoryBackend(backend.infrastructure)
    restarted.end(spec.workload_id, signal=9)
    async with controlled(stage, restarted):
        assert (await unsettled(stage)).id == attempt.id
    assert len(backend.launches) == 1


async def test_the_lock_of_a_killed_server_holds_up_no_restart_of_the_only_one(stage: Scene) -> None:
    attempt = await stage.attempt()
    assert await Lock(stage.parts, attempt.workload.id).take()
    async with controlled(stage, MemoryBackend()):
        holder = (await stage.row(WorkloadRow, attempt.workload.id)).lock_token
    assert (holder is None) == stage.parts.database.is_sqlite, "another server may live on PostgreSQL"


@pytest.mark.slow
@pytest.mark.parametrize("backend_speaks", [True, False])
async def test_only_the_silence_of_both_is_a_crash(
    database_url: str, tmp_path: Path, backend_speaks: bool
) -> None:
    settings = RunSettings(scan_seconds=0.05, silence_seconds=0.3)
    async with scene(database_url, tmp_path, runs=settings) as stage:
        backend = faults.Silent()
        backend.silent = False
        async with controlled(stage, backend):
            attempt = await stage.attempt()
            spec = await launched(backend)
            await runs_now(stage, backend, spec)
            if backend_speaks:
                await asyncio.sleep(0.6)  # twice the silence that would be a crash
                assert (await found(stage, attempt)).status is Status.RUNNING
                return
            backend.silent = True
            crashed = await becomes(stage, attempt, Status.CRASHED)
            assert "a sign of life for 0.3 s" in (crashed.reason or "")
            backend.silent = False
            await removed(stage, attempt)
            assert backend.stops == [(spec.workload_id, 0.0)], "what still ran is ended"


async def test_nothing_on_the_way_of_a_run_waits_for_a_scan(database_url: str, tmp_path: Path) -> None:
    async with scene(database_url, tmp_path, runs=RunSettings(scan_seconds=3600)) as stage:
        backend = MemoryBackend()
        async with controlled(stage, backend):
            attempt = await stage.attempt()
            spec = await launched(backend)
            await runs_now(stage, backend, spec)
            await reports(stage, spec, receipt="COMPLETED")
            backend.end(spec.workload_id)
            await removed(stage, attempt)
