"""The local backend with real processes, and what may happen to them."""

# Nothing else runs in the loops of these tests, so they look at files and start processes in them.
# ruff: noqa: ASYNC110, ASYNC220, ASYNC240

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from prefect_platform.backends.base import Handle, Phase
from prefect_platform.backends.local import LocalBackend, MemoryPolicy
from prefect_platform.backends.local.proc import MARKER, MachineMemory, Proc
from prefect_platform.errors import Conflict, StorageFull, UsageError
from prefect_platform.testing import stand_in_launcher
from prefect_platform.testing.backend_contract import TOKEN, begun, reached, saved, seen, started, workload
from prefect_platform.testing.backend_stages import LocalStage, appeared
from prefect_platform.wire.launch import ClaimFile, decode

GIB = 1 << 30
PROC = Proc()
SLEEPER = ("/bin/sh", "-c", "exec sleep 600")


@pytest_asyncio.fixture
async def stage(tmp_path: Path) -> AsyncIterator[LocalStage]:
    stage = LocalStage(tmp_path / "workloads")
    yield stage
    await stage.close()


async def running(
    stage: LocalStage, backend: LocalBackend, memory_bytes: int = 64 << 20
) -> tuple[str, Handle]:
    spec = workload(memory_bytes=memory_bytes)
    handle = await started(backend, spec)
    await stage.run(spec.workload_id)
    return spec.workload_id, handle


def lives(pid: int) -> bool:
    stat = PROC.stat(pid)
    return stat is not None and stat.alive


def pid_of(handle: Handle) -> int:
    return int(handle["pid"])


async def gone(pid: int) -> None:
    async with asyncio.timeout(20):
        while lives(pid):
            await asyncio.sleep(0.005)


# What a launcher is given


@pytest.mark.asyncio
async def test_a_launcher_gets_its_claim_and_little_else(
    stage: LocalStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_PLATFORM_TOKEN", "the platform's")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "the platform's")
    monkeypatch.setenv("LC_TIME", "C")
    backend = LocalBackend(stage.directory, launcher=SLEEPER)
    spec = workload()
    handle = await started(backend, spec)
    pid, directory = pid_of(handle), stage.directory / spec.workload_id
    claim = directory / "claim.json"
    assert decode(ClaimFile, json.loads(claim.read_text())) == ClaimFile(
        spec.url, TOKEN, spec.workload_id, str(directory)
    )
    assert claim.stat().st_mode & 0o777 == 0o600
    assert directory.stat().st_mode & 0o777 == 0o700
    async with asyncio.timeout(20):  # until the last shell has become the program
        while Path(f"/proc/{pid}/comm").read_text() != "sleep\n" or PROC.is_marked(pid, "") is None:
            await asyncio.sleep(0.005)
    environment = Path(f"/proc/{pid}/environ").read_bytes()
    command = Path(f"/proc/{pid}/cmdline").read_bytes()
    assert f"{MARKER}={spec.workload_id}".encode() in environment
    assert b"LC_TIME=C" in environment
    assert b"the platform's" not in environment
    assert TOKEN.encode() not in environment + command
    assert (os.getsid(pid), os.getpgid(pid)) == (pid, pid)
    assert Path(f"/proc/{pid}/cwd").readlink() == directory
    assert [Path(f"/proc/{pid}/fd/{n}").readlink() for n in (0, 1, 2)] == [
        Path("/dev/null"), directory / "launcher.log", directory / "launcher.log",
    ]  # fmt: skip
    assert {path.name for path in Path(f"/proc/{pid}/fd").iterdir()} == {"0", "1", "2"}
    await backend.stop(handle, 1)
    assert (await reached(backend, handle, Phase.ENDED)).signal == signal.SIGTERM
    await backend.close()


@pytest.mark.asyncio
async def test_the_real_launcher_is_found_and_ends_without_a_platform(stage: LocalStage) -> None:
    """Nothing listens at the address, so it waits; being stopped is all it can do."""
    backend = LocalBackend(stage.directory, python=sys.executable)
    spec = workload()
    handle = await started(backend, spec)
    claim = stage.directory / spec.workload_id / "claim.json"
    async with asyncio.timeout(30):
        while claim.exists():
            await asyncio.sleep(0.01)
    assert (await seen(backend, handle)).phase is Phase.RUNNING
    await backend.stop(handle, 1)
    await reached(backend, handle, Phase.ENDED)
    await backend.close()


@pytest.mark.asyncio
async def test_a_launcher_that_cannot_run_says_why(stage: LocalStage) -> None:
    backend = LocalBackend(stage.directory, python="/nowhere/python")
    handle = await started(backend, workload())
    ended = await reached(backend, handle, Phase.ENDED)
    assert ended.exit_code == 127
    assert "ended with exit code 127 before it could report" in (ended.reason or "")
    assert "/nowhere/python" in (ended.reason or "")
    await backend.close()


@pytest.mark.asyncio
async def test_a_full_disk_is_told_and_the_start_goes_on_later(
    stage: LocalStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend, spec = stage.backend(), workload()
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", _no_space)
        with pytest.raises(StorageFull, match=f"directory of workload {spec.workload_id}: No space left"):
            await started(backend, spec)
    assert [path.name for path in (stage.directory / spec.workload_id).iterdir()] == []
    await started(backend, spec)
    await stage.run(spec.workload_id)
    assert stage.launches() == [spec.workload_id]


def _no_space(descriptor: int) -> None:
    raise OSError(28, "No space left on device")


@pytest.mark.asyncio
async def test_a_shell_that_was_killed_before_it_wrote_is_started_again(stage: LocalStage) -> None:
    backend, spec = stage.backend(), workload()
    [handle] = await begun(backend, spec, 1)
    (stage.directory / spec.workload_id / "launcher.pid").touch()
    handle = await started(backend, spec, handle)
    await stage.run(spec.workload_id)
    assert (await seen(backend, handle)).phase is Phase.RUNNING
    assert stage.launches() == [spec.workload_id]


# Ends


@pytest.mark.asyncio
async def test_no_zombie_stays_even_if_nobody_looks(stage: LocalStage) -> None:
    backend = stage.backend()
    workload_id, handle = await running(stage, backend)
    await stage.end(workload_id, 0)
    async with asyncio.timeout(20):
        while PROC.stat(pid_of(handle)) is not None:
            await backend.wait_for_change(0.05)


@pytest.mark.asyncio
@pytest.mark.parametrize("how", ["child", "daemon", "both"])
async def test_a_killed_launcher_leaves_nothing_behind(stage: LocalStage, how: str) -> None:
    backend = stage.backend()
    workload_id, handle = await running(stage, backend)
    names = ["child", "daemon"] if how == "both" else [how]
    pids = [await stage.pid(workload_id, name) for name in names]
    assert all(lives(pid) for pid in pids)
    os.kill(pid_of(handle), signal.SIGKILL)
    ended = await reached(backend, handle, Phase.ENDED)
    assert not any(lives(pid) for pid in pids)
    assert ended.signal == signal.SIGKILL
    assert "by signal 9 (SIGKILL) before it could report" in (ended.reason or "")


@pytest.mark.asyncio
async def test_a_daemon_without_the_marker_was_seen_before(stage: LocalStage) -> None:
    backend = stage.backend(limits=MemoryPolicy(interval=0.02))
    workload_id, handle = await running(stage, backend)
    stray = await stage.pid(workload_id, "stray")
    async with asyncio.timeout(20):
        while PROC.is_marked(stray, workload_id) is not None:  # until it is the program it becomes
            await asyncio.sleep(0.005)
    async with asyncio.timeout(20):  # until a look of the memory watch has taken it in
        while ((await seen(backend, handle)).peak_memory_bytes or 0) < _rss(pid_of(handle), stray):
            await asyncio.sleep(0.01)
    os.kill(pid_of(handle), signal.SIGKILL)
    await reached(backend, handle, Phase.ENDED)
    assert not lives(stray)


def _rss(*pids: int) -> int:
    return sum(stat.rss_bytes for stat in map(PROC.stat, pids) if stat is not None)


@pytest.mark.asyncio
async def test_an_end_in_order_takes_daemons_along_too(stage: LocalStage) -> None:
    backend = stage.backend()
    workload_id, handle = await running(stage, backend)
    daemon = await stage.pid(workload_id, "daemon")
    await stage.end(workload_id, 0)
    assert (await reached(backend, handle, Phase.ENDED)).exit_code == 0
    assert not lives(daemon)


@pytest.mark.asyncio
async def test_other_workloads_are_left_alone(stage: LocalStage) -> None:
    backend = stage.backend()
    _, one = await running(stage, backend)
    other_id, other = await running(stage, backend)
    daemon = await stage.pid(other_id, "daemon")
    os.kill(pid_of(one), signal.SIGKILL)
    await reached(backend, one, Phase.ENDED)
    assert (await seen(backend, other)).phase is Phase.RUNNING
    assert lives(daemon)
    await stage.end(other_id, 0)
    await reached(backend, other, Phase.ENDED)


@pytest.mark.asyncio
async def test_a_launcher_that_ignores_the_stop_is_ended_by_force(stage: LocalStage) -> None:
    backend = stage.backend(drain_seconds=0.1)
    workload_id, handle = await running(stage, backend)
    daemon = await stage.pid(workload_id, "daemon")
    await stage.order(workload_id, "deaf")
    await appeared(stage.directory / workload_id / "deaf")
    await backend.stop(handle, 0.2)
    ended = await reached(backend, handle, Phase.ENDED)
    assert ended.signal == signal.SIGKILL
    assert ended.reason == "ended by force: 0.3 s after it was asked to stop it had not ended."
    assert not lives(daemon)


@pytest.mark.asyncio
async def test_asking_again_never_gives_more_time_but_may_give_less(stage: LocalStage) -> None:
    backend = stage.backend(drain_seconds=0.0)
    workload_id, handle = await running(stage, backend)
    await stage.order(workload_id, "deaf")
    await appeared(stage.directory / workload_id / "deaf")
    await backend.stop(handle, 0.5)
    await backend.stop(handle, 3600)
    assert "0.5 s after" in ((await reached(backend, handle, Phase.ENDED)).reason or "")
    other_id, other = await running(stage, backend)
    await stage.order(other_id, "deaf")
    await appeared(stage.directory / other_id / "deaf")
    await backend.stop(other, 3600)
    await backend.stop(other, 0)
    assert (await reached(backend, other, Phase.ENDED)).signal == signal.SIGKILL


@pytest.mark.asyncio
async def test_what_runs_is_not_removed(stage: LocalStage) -> None:
    backend = stage.backend()
    workload_id, handle = await running(stage, backend)
    with pytest.raises(Conflict, match="still runs"):
        await backend.remove(handle)
    assert (stage.directory / workload_id).is_dir()


# Restarts

PLATFORM = """
import asyncio, json, sys
from pathlib import Path
from prefect_platform.backends.local import LocalBackend
from prefect_platform.testing.backend_contract import workload

async def main(directory, script, workload_id, steps):
    backend = LocalBackend(Path(directory), launcher=[sys.executable, "-I", "-S", script])
    done = 0
    async for handle in backend.start(workload(workload_id), {}):
        done += 1
        if done <= int(steps):
            print(json.dumps(dict(handle)), flush=True)
    await asyncio.Event().wait()

asyncio.run(main(*sys.argv[1:]))
"""


async def killed_platform(stage: LocalStage, workload_id: str, saves: int) -> Handle:
    """Another process starts a workload and is killed when the launcher runs; what it had saved."""
    platform = subprocess.Popen(
        [
            sys.executable,
            "-c",
            PLATFORM,
            stage.directory,
            stand_in_launcher.__file__,
            workload_id,
            str(saves),
        ],
        stdout=subprocess.PIPE,
    )
    await stage.run(workload_id)
    assert platform.stdout is not None
    with platform.stdout as output:
        lines = [await asyncio.to_thread(output.readline) for _ in range(saves)]
        platform.kill()
        await asyncio.to_thread(platform.wait)
    return saved(json.loads(lines[-1])) if lines else {}


@pytest.mark.asyncio
@pytest.mark.parametrize("saves", [0, 1, 2])
async def test_a_new_platform_adopts_what_a_killed_one_started(stage: LocalStage, saves: int) -> None:
    spec = workload()
    handle = await killed_platform(stage, spec.workload_id, saves)
    backend = stage.backend()
    handle = await started(backend, spec, handle)
    assert stage.launches() == [spec.workload_id]
    assert (await seen(backend, handle)).phase is Phase.RUNNING
    assert PROC.stat(pid_of(handle)).parent != os.getpid()  # type: ignore[union-attr]
    daemon = await stage.pid(spec.workload_id, "daemon")
    await backend.wait_for_change(0)
    waiting = asyncio.create_task(backend.wait_for_change(30))
    await stage.leave(spec.workload_id, {"flow": b"last words"}, {"exit_code": 5, "signal": None})
    await stage.end(spec.workload_id, 5)
    await waiting
    ended = await reached(backend, handle, Phase.ENDED)
    assert (ended.exit_code, ended.signal) == (5, None)
    assert not lives(daemon)


@pytest.mark.asyncio
async def test_a_reused_pid_is_not_the_launcher(stage: LocalStage) -> None:
    first = stage.backend()
    workload_id, handle = await running(stage, first)
    await stage.end(workload_id, 0)
    await reached(first, handle, Phase.ENDED)
    with subprocess.Popen(SLEEPER, start_new_session=True) as stranger:
        stat = PROC.stat(stranger.pid)
        assert stat is not None
        reused = {**handle, "pid": stranger.pid, "started": stat.process.started - 1}
        after = stage.backend()
        await after.stop(reused, 0)
        assert (await seen(after, reused)).phase is Phase.ENDED
        assert lives(stranger.pid)
        stranger.kill()


@pytest.mark.asyncio
async def test_after_a_restart_of_the_machine_nothing_is_touched(stage: LocalStage) -> None:
    backend = stage.backend()
    workload_id, handle = await running(stage, backend)
    before = {**handle, "boot": "another"}
    after = stage.backend()
    await after.stop(before, 0)
    ended = await seen(after, before)
    assert ended.phase is Phase.ENDED
    assert "machine restarted" in (ended.reason or "")
    assert lives(pid_of(handle))
    await stage.end(workload_id, 0)
    await reached(backend, handle, Phase.ENDED)


@pytest.mark.asyncio
async def test_a_handle_of_another_data_directory_is_refused(stage: LocalStage, tmp_path: Path) -> None:
    handle: Handle = {"workload_id": "wl-1", "directory": str(tmp_path), "memory_bytes": 1}
    with pytest.raises(Conflict, match="data directory"):
        await stage.backend().remove(handle)
    assert tmp_path.is_dir()
    with pytest.raises(UsageError, match="cannot name a directory"):
        await started(stage.backend(), workload("../etc"))


# Memory


@pytest.mark.asyncio
async def test_the_memory_watch_ends_the_engine_and_says_why(stage: LocalStage) -> None:
    left = [8 * GIB]
    backend = stage.backend(
        limits=MemoryPolicy(interval=0.05), memory=lambda: MachineMemory(16 * GIB, left[0], 0)
    )
    modest_id, modest = await running(stage, backend, memory_bytes=GIB)
    child = await stage.pid(modest_id, "child")
    workload_id, handle = await running(stage, backend, memory_bytes=32 << 20)
    hog = int(await _grown(stage, workload_id, 96))
    assert lives(hog)
    left[0] = 100 << 20
    await gone(hog)
    assert (await seen(backend, handle)).phase is Phase.RUNNING  # the launcher carries the last output
    await stage.leave(workload_id, {}, {"exit_code": None, "signal": 9})
    await stage.end(workload_id, 0)
    ended = await reached(backend, handle, Phase.ENDED)
    assert (ended.reason or "").startswith("ended by the memory watch: it used ")
    assert "of the 32 MiB it declared, and the machine had only 100 MiB left" in (ended.reason or "")
    assert (ended.peak_memory_bytes or 0) > 96 << 20
    assert lives(child)
    assert (await seen(backend, modest)).reason is None
    told = await reached(stage.backend(), handle, Phase.ENDED)
    assert told.reason == ended.reason


async def _grown(stage: LocalStage, workload_id: str, mebibytes: int) -> str:
    await stage.order(workload_id, f"grow {mebibytes}")
    return (await appeared(stage.directory / workload_id / "grow")).read_text()


@pytest.mark.asyncio
async def test_a_kill_by_the_kernel_is_told(stage: LocalStage) -> None:
    kills = [0]
    backend = stage.backend(memory=lambda: MachineMemory(16 * GIB, 8 * GIB, kills[0]))
    workload_id, handle = await running(stage, backend)
    await stage.leave(workload_id, {}, {"exit_code": None, "signal": 9})
    kills[0] = 1
    await stage.end(workload_id, 0)
    ended = await reached(backend, handle, Phase.ENDED)
    assert (ended.reason or "").startswith("ended by the kernel for lack of memory: it used up to ")


@pytest.mark.asyncio
async def test_a_run_that_ended_well_is_not_blamed_on_the_kernel(stage: LocalStage) -> None:
    kills = [0]
    backend = stage.backend(memory=lambda: MachineMemory(16 * GIB, 8 * GIB, kills[0]))
    workload_id, handle = await running(stage, backend)
    await stage.leave(workload_id, {}, {"exit_code": 0, "signal": None})
    kills[0] = 1
    await stage.end(workload_id, 0)
    assert (await reached(backend, handle, Phase.ENDED)).reason is None


@pytest.mark.asyncio
async def test_capacity_is_the_machine_less_a_reserve_or_what_was_said(stage: LocalStage) -> None:
    machine = lambda: MachineMemory(20 * GIB, GIB, 0)  # noqa: E731
    size = await stage.backend(memory=machine).capacity([])
    assert size is not None
    assert (size.cores, size.memory_bytes) == (PROC.cores(), 18 * GIB)
    said = await stage.backend(memory=machine, core_total=3.0, memory_total=7).capacity([])
    assert said is not None
    assert (said.cores, said.memory_bytes) == (3.0, 7)
