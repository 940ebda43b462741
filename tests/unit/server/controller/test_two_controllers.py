"""Two replicas on one PostgreSQL: nothing is started twice, and nothing is lost with one of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from prefect_platform.backends.base import Handle, WorkloadSpec
from prefect_platform.backends.memory import Infrastructure, MemoryBackend
from prefect_platform.server.config import RunSettings
from prefect_platform.server.controller import admission
from prefect_platform.server.controller.controller import Controller
from prefect_platform.server.controller.locks import Lock, LockLost, held
from prefect_platform.server.db.engine import Database
from prefect_platform.server.db.tables import WorkloadRow
from prefect_platform.server.services import workloads
from prefect_platform.testing import faults
from tests.server_scene import GIB, Scene, scene, until

pytestmark = [pytest.mark.asyncio, pytest.mark.slow]

SETTINGS = RunSettings(scan_seconds=0.05, lock_seconds=0.5)


class Cable(Database):
    """A database whose connection can be cut, as by the death of the process."""

    cut = False

    @asynccontextmanager
    async def session(self) -> AsyncIterator[AsyncSession]:
        async with super().session() as session:
            yield session
            if self.cut:
                raise ConnectionError("cut")

    @asynccontextmanager
    async def reader(self) -> AsyncIterator[AsyncSession]:
        if self.cut:
            raise ConnectionError("cut")
        async with super().reader() as session:
            yield session


class Remembers(MemoryBackend):
    """Keeps the handles that it was asked to start from."""

    def __init__(self, infrastructure: Infrastructure) -> None:
        super().__init__(infrastructure, memory_bytes=100 * GIB, cores=100)
        self.started_from: dict[str, list[Handle]] = {}

    async def start(self, spec: WorkloadSpec, handle: Handle) -> AsyncIterator[Handle]:
        self.started_from.setdefault(spec.workload_id, []).append(dict(handle))
        async for checkpoint in super().start(spec, handle):
            yield checkpoint


@pytest.fixture
def database_url(postgres_url: str) -> str:
    return postgres_url


async def all_placed(stage: Scene, ids: list[str]) -> bool:
    rows = [await stage.row(WorkloadRow, one) for one in ids]
    return all(workloads.noted(row, workloads.PLACED) is not None for row in rows)


async def test_together_they_start_everything_once(postgres_url: str, tmp_path: Path) -> None:
    async with scene(postgres_url, tmp_path, runs=SETTINGS) as stage:
        both = Infrastructure()
        other = Database(postgres_url)
        backends = [Remembers(both), Remembers(both)]
        controllers = [
            Controller(stage.parts, backends[0]), Controller(stage.on(other), backends[1]),
        ]  # fmt: skip
        for controller in controllers:
            await controller.start()
        made = await asyncio.gather(*(stage.attempt() for _ in range(20)))
        ids = [attempt.workload.id for attempt in made]
        await until(lambda: all_placed(stage, ids), 30)
        for controller in controllers:
            await controller.stop()
        await other.aclose()
    assert sorted(spec.workload_id for spec in both.launches) == sorted(ids)
    asked = [one for backend in backends for starts in backend.started_from.values() for one in starts]
    assert asked == [{}] * 20, "nobody even tried to start what the other had"


async def test_one_is_killed_in_the_middle_of_starts_and_the_other_goes_on(
    postgres_url: str, tmp_path: Path
) -> None:
    async with scene(postgres_url, tmp_path, runs=SETTINGS) as stage:
        both = Infrastructure()
        cable = Cable(postgres_url)
        slow = faults.SlowToStart(both, memory_bytes=100 * GIB, cores=100)
        doomed, survivor, backend = (
            Controller(stage.on(cable), slow), None, Remembers(both),
        )  # fmt: skip
        await doomed.start()
        made = [await stage.attempt() for _ in range(6)]
        ids = [attempt.workload.id for attempt in made]

        async def four_begun() -> bool:
            rows = [await stage.row(WorkloadRow, one) for one in ids]
            return sum(bool(row.handle) for row in rows) == 4  # as many as there are workers

        await until(four_begun)
        begun = {one for one in ids if (await stage.row(WorkloadRow, one)).handle}
        cable.cut = True
        killed = asyncio.create_task(doomed.stop())

        survivor = Controller(stage.parts, backend)
        await survivor.start()
        await until(lambda: all_placed(stage, ids), 30)
        slow.go.set()
        await killed
        await survivor.stop()
        await cable.aclose()
        rows = [await stage.row(WorkloadRow, one) for one in ids]
    assert sorted(spec.workload_id for spec in both.launches) == sorted(ids)
    assert begun
    for one in ids:
        expected = {"workload_id": one} if one in begun else {}
        assert backend.started_from[one] == [expected], "it went on from the last checkpoint"
    for row in rows:
        assert row.handle == {"workload_id": row.id, "launched": 1}
        assert [step["name"] for step in row.steps] == ["placed"]


async def test_who_lost_the_lock_stops_at_once_and_writes_nothing(postgres_url: str, tmp_path: Path) -> None:
    async with scene(postgres_url, tmp_path, runs=SETTINGS) as stage:
        attempt = await stage.attempt()
        cable = Cable(postgres_url)
        slept = stage.on(cable)
        begun, stopped = asyncio.Event(), asyncio.Event()
        old: list[Lock] = []

        async def work(lock: Lock) -> None:
            old.append(lock)
            begun.set()
            cable.cut = True  # from here on it cannot renew
            try:
                await asyncio.Event().wait()
            finally:
                stopped.set()

        holding = asyncio.create_task(held(slept, attempt.workload.id, work))
        await begun.wait()
        other = Lock(stage.parts, attempt.workload.id)
        assert not await other.take(), "it is held"
        await until(other.take)
        cable.cut = False
        with pytest.raises(LockLost):
            await holding
        assert stopped.is_set()
        with pytest.raises(LockLost):
            async with old[0].write() as (_, row):
                row.handle = {"from": "the past"}
        with pytest.raises(LockLost):
            await old[0].read()
        assert (await stage.row(WorkloadRow, attempt.workload.id)).handle == {}
        assert (await other.read()).lock_token == other.token
        await cable.aclose()


async def test_two_admissions_at_once_never_promise_the_same_memory(
    postgres_url: str, tmp_path: Path
) -> None:
    async with scene(postgres_url, tmp_path, runs=SETTINGS) as stage:
        for _ in range(20):
            await stage.attempt()
        other = Database(postgres_url)
        replica = stage.on(other)
        for parts in (stage.parts, replica):
            parts.machine.set(100.0, 7 * GIB)
        admitted = await asyncio.gather(*(admission.admit(parts) for parts in (stage.parts, replica) * 3))
        await other.aclose()
    assert sum(len(rows) for rows in admitted) == 7
    assert len({row.id for rows in admitted for row in rows}) == 7
