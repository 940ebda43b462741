"""Whom the memory watch ends, when, and what it says."""

from __future__ import annotations

from pathlib import Path

import pytest

from prefect_platform.backends.local.memory_watch import (
    SHORTEST,
    MemoryWatch,
    Watched,
    gib,
    most_over,
    watch_sentence,
)
from prefect_platform.backends.local.place import ENDED_BY, Place
from prefect_platform.backends.local.proc import MachineMemory, Proc, Process, Stat
from prefect_platform.backends.local.settings import MemoryPolicy
from prefect_platform.backends.local.tree import Tree

GIB, MIB = 1 << 30, 1 << 20
ENOUGH = MachineMemory(total=16 * GIB, available=8 * GIB, oom_kills=0)
SHORT = MachineMemory(total=16 * GIB, available=200 * MIB, oom_kills=0)


class Table(Proc):
    """Processes as a test says: pid to (parent, resident bytes, proportional bytes)."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: dict[int, tuple[int, int, int]] = {}

    def processes(self) -> dict[int, Stat]:
        return {
            pid: Stat(Process(pid, 1000 + pid), parent, pid, alive=True, rss_bytes=rss)
            for pid, (parent, rss, _) in self.rows.items()
        }

    def pss_bytes(self, pid: int) -> int | None:
        return self.rows[pid][2]


class Stage:
    """A watch over a table, and who it ended."""

    def __init__(self, directory: Path) -> None:
        self.table, self.memory, self.ended = Table(), ENOUGH, list[str]()
        self._directory = directory
        self.watch = MemoryWatch(self.table, MemoryPolicy(), lambda: self.memory, self._end)

    async def _end(self, watched: Watched) -> None:
        self.ended.append(watched.place.workload_id)

    def add(self, name: str, pid: int, declared: int, used: int) -> Watched:
        directory = self._directory / name
        directory.mkdir()
        place = Place(name, directory, declared).with_launcher(Process(pid, 1000 + pid), "boot")
        self.table.rows[pid] = (1, used, used)
        watched = Watched(place, Tree(self.table, place))
        self.watch.add(watched)
        return watched


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


@pytest.mark.asyncio
async def test_with_enough_memory_nobody_is_ended(stage: Stage) -> None:
    watched = stage.add("big", 10, 1 * GIB, 6 * GIB)
    await stage.watch.look()
    assert stage.ended == []
    assert watched.peak == 6 * GIB
    await stage.watch.close()


@pytest.mark.asyncio
async def test_when_it_is_short_the_one_most_over_its_declaration_goes(stage: Stage) -> None:
    stage.add("within", 10, 8 * GIB, 7 * GIB)
    stage.add("over", 20, 1 * GIB, 2 * GIB)
    most = stage.add("most", 30, 2 * GIB, 5 * GIB)
    stage.memory = SHORT
    await stage.watch.look()
    assert stage.ended == ["most"]
    assert most.reason is not None
    assert "it used 5.0 GiB of the 2.0 GiB it declared" in most.reason
    assert "only 200 MiB left" in most.reason
    assert (most.place.directory / ENDED_BY).read_text() == most.reason
    await stage.watch.close()


@pytest.mark.asyncio
async def test_nobody_within_its_declaration_is_ended(stage: Stage) -> None:
    stage.add("within", 10, 8 * GIB, 8 * GIB)
    stage.memory = SHORT
    await stage.watch.look()
    assert stage.ended == []
    await stage.watch.close()


@pytest.mark.asyncio
async def test_who_was_ended_is_not_ended_twice(stage: Stage) -> None:
    stage.add("over", 20, 1 * GIB, 4 * GIB)
    stage.memory = SHORT
    await stage.watch.look()
    await stage.watch.look()
    assert stage.ended == ["over"]
    await stage.watch.close()


@pytest.mark.asyncio
async def test_pages_that_processes_share_are_counted_once(stage: Stage) -> None:
    watched = stage.add("forks", 10, 2 * GIB, 2 * GIB)
    stage.table.rows |= {10: (1, 2 * GIB, GIB), 11: (10, 2 * GIB, GIB // 4), 12: (11, 2 * GIB, GIB // 4)}
    stage.memory = SHORT
    await stage.watch.look()
    assert stage.ended == []
    assert watched.peak == GIB + GIB // 2
    await stage.watch.close()


@pytest.mark.asyncio
async def test_a_full_disk_keeps_nobody_alive(stage: Stage) -> None:
    over = stage.add("over", 20, 1 * GIB, 4 * GIB)
    over.place.directory.rmdir()  # nothing can be written there
    stage.memory = SHORT
    await stage.watch.look()
    assert stage.ended == ["over"]
    assert over.reason is not None
    await stage.watch.close()


@pytest.mark.asyncio
async def test_the_kernel_is_suspected_of_who_lost_a_process(stage: Stage) -> None:
    calm = stage.add("calm", 10, GIB, GIB)
    hit = stage.add("hit", 20, GIB, GIB)
    stage.table.rows[21] = (20, 3 * GIB, 3 * GIB)
    await stage.watch.look()
    del stage.table.rows[21]
    stage.memory = MachineMemory(16 * GIB, 8 * GIB, oom_kills=1)
    await stage.watch.look()
    assert stage.watch.suspects_kernel(hit)
    assert not stage.watch.suspects_kernel(calm)
    await stage.watch.close()


@pytest.mark.asyncio
async def test_the_kernel_is_suspected_of_who_was_killed_between_two_looks(stage: Stage) -> None:
    hit = stage.add("hit", 20, GIB, GIB)
    stage.memory = MachineMemory(16 * GIB, 8 * GIB, oom_kills=1)
    assert stage.watch.suspects_kernel(hit)
    await stage.watch.close()


@pytest.mark.asyncio
async def test_a_process_that_ends_by_itself_is_no_suspicion(stage: Stage) -> None:
    one = stage.add("one", 10, GIB, GIB)
    stage.table.rows[11] = (10, GIB, GIB)
    await stage.watch.look()
    del stage.table.rows[11]
    await stage.watch.look()
    assert not stage.watch.suspects_kernel(one)
    await stage.watch.close()


@pytest.mark.parametrize(
    ("available", "seconds"), [(16 * GIB, 2.0), (SHORT.available, SHORTEST), (3 * GIB, 0.63)]
)
def test_the_less_is_left_the_sooner_it_looks(stage: Stage, available: int, seconds: float) -> None:
    memory = MachineMemory(16 * GIB, available, 0)
    assert stage.watch.pause(memory) == pytest.approx(seconds, abs=0.01)


def test_the_floor_and_the_reserve_grow_with_the_machine() -> None:
    policy = MemoryPolicy()
    assert policy.floor(4 * GIB) == 256 * MIB
    assert policy.floor(100 * GIB) == 3 * GIB
    assert policy.reserve(2 * GIB) == 512 * MIB
    assert policy.reserve(64 * GIB) == int(6.4 * GIB)


def test_nothing_watched_is_nobody_over() -> None:
    assert most_over([]) is None


@pytest.mark.parametrize(("size", "text"), [(5 * MIB, "5 MiB"), (GIB, "1.0 GiB"), (1600 * MIB, "1.6 GiB")])
def test_sizes_as_people_say_them(size: int, text: str) -> None:
    assert gib(size) == text


def test_the_sentence_ends_with_what_to_do(stage: Stage) -> None:
    place = Place("wl", Path("/nowhere"), GIB)
    sentence = watch_sentence(Watched(place, Tree(stage.table, place), used=2 * GIB), SHORT)
    assert sentence.startswith("ended by the memory watch: ")
    assert sentence.endswith("Register it with more memory, or let it use less.")
