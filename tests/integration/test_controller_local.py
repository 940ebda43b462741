"""The controller with real processes: started, seen to end, cancelled, and adopted after a restart."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from prefect_platform.backends.local import LocalBackend
from prefect_platform.server.controller.controller import Controller
from prefect_platform.server.db.tables import WorkloadRow
from prefect_platform.server.services import attempts, work
from prefect_platform.testing import stand_in_launcher
from prefect_platform.wire.runs import Attempt, CancelRequest, Settlement, Status
from tests.server_scene import GIB, Scene, scene, until

pytestmark = pytest.mark.asyncio


@asynccontextmanager
async def machine(stage: Scene, directory: Path) -> AsyncIterator[LocalBackend]:
    """A controller on this machine, as long as one server process lives."""
    launcher = [sys.executable, stand_in_launcher.__file__]
    backend = LocalBackend(directory, launcher=launcher, core_total=4, memory_total=8 * GIB)
    controller = Controller(stage.parts, backend)
    await controller.start()
    try:
        yield backend
    finally:
        await controller.stop()
        await backend.close()


def order(directory: Path, attempt: Attempt, line: str) -> None:
    (directory / attempt.workload.id / stand_in_launcher.ORDERS).write_text(f"{line}\n")


async def obeys(directory: Path, attempt: Attempt) -> bool:
    return (directory / attempt.workload.id / stand_in_launcher.ORDERS).exists()


async def over(stage: Scene) -> Attempt | None:
    found = (await work.work(stage.parts, stage.agent, None, 0)).unsettled
    return found[0] if found else None


async def is_removed(stage: Scene, attempt: Attempt) -> bool:
    return (await stage.row(WorkloadRow, attempt.workload.id)).removed_at is not None


async def settled(stage: Scene, attempt: Attempt, status: Status, state: str) -> None:
    told = Settlement(status=status, prefect_state=state.capitalize(), prefect_state_type=state)
    await attempts.settle(stage.parts, stage.agent, attempt.id, told)
    await until(lambda: is_removed(stage, attempt))


async def test_a_launcher_that_dies_is_seen_explained_and_cleared_away(tmp_path: Path) -> None:
    directory = tmp_path / "workloads"
    async with (
        scene(f"sqlite+aiosqlite:///{tmp_path / 'p.db'}", tmp_path) as stage,
        machine(stage, directory),
    ):
        attempt = await stage.attempt()
        await until(lambda: obeys(directory, attempt))
        order(directory, attempt, "exit 3")
        ended = await until(lambda: over(stage))
        assert "exit code 3" in ended.reason
        await settled(stage, attempt, Status.CRASHED, "CRASHED")
    assert not (directory / attempt.workload.id).exists()


async def test_a_cancel_ends_the_process(tmp_path: Path) -> None:
    directory = tmp_path / "workloads"
    async with (
        scene(f"sqlite+aiosqlite:///{tmp_path / 'p.db'}", tmp_path) as stage,
        machine(stage, directory),
    ):
        attempt = await stage.attempt()
        await until(lambda: obeys(directory, attempt))
        await attempts.cancel(stage.parts, stage.agent, attempt.id, CancelRequest())
        ended = await until(lambda: over(stage))
        assert ended.reason == "Cancelled by Prefect."
        await settled(stage, attempt, Status.CANCELLED, "CANCELLED")


async def test_a_restarted_platform_adopts_what_runs(tmp_path: Path) -> None:
    directory = tmp_path / "workloads"
    async with scene(f"sqlite+aiosqlite:///{tmp_path / 'p.db'}", tmp_path) as stage:
        async with machine(stage, directory):
            attempt = await stage.attempt()
            await until(lambda: obeys(directory, attempt))
        pid = int((await stage.row(WorkloadRow, attempt.workload.id)).handle["pid"])
        assert psutil.pid_exists(pid)
        async with machine(stage, directory):
            order(directory, attempt, "die")
            ended = await until(lambda: over(stage))
            assert "before it could report" in ended.reason
            await settled(stage, attempt, Status.CRASHED, "CRASHED")
    assert (directory / stand_in_launcher.LAUNCHES).read_text().split() == [attempt.workload.id]
