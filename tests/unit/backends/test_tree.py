"""Who belongs to a launcher, from tables of processes."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from prefect_platform.backends.local.place import Place
from prefect_platform.backends.local.proc import Proc, Process, Stat
from prefect_platform.backends.local.tree import Tree, below

LAUNCHER = Process(100, 1000)


def table(*rows: tuple[int, int, int, int]) -> dict[int, Stat]:
    """Rows of pid, started, parent, session."""
    return {
        pid: Stat(Process(pid, started), parent, session, alive=True, rss_bytes=1)
        for pid, started, parent, session in rows
    }


def pids(found: dict[Process, Stat]) -> set[int]:
    return {process.pid for process in found}


def test_children_and_their_sessions() -> None:
    found = below(
        table(
            (100, 1000, 1, 100),
            (101, 1001, 100, 101),  # an engine in a session of its own
            (102, 1002, 101, 101),
            (103, 1003, 1, 101),  # an orphan of that session
            (50, 10, 1, 50),
            (60, 2000, 50, 50),
        ),
        LAUNCHER,
    )
    assert pids(found) == {100, 101, 102, 103}


def test_the_session_of_a_dead_launcher_is_still_its_own() -> None:
    assert pids(below(table((101, 1001, 1, 100)), LAUNCHER)) == {101}


def test_a_reused_pid_is_a_stranger_with_its_children_and_session() -> None:
    found = below(table((100, 5000, 1, 100), (101, 5001, 100, 100), (102, 5002, 1, 100)), LAUNCHER)
    assert found == {}


def test_older_processes_cannot_be_below_it() -> None:
    assert pids(below(table((100, 1000, 1, 100), (90, 999, 100, 100)), LAUNCHER)) == {100}


def test_seeds_bring_what_is_below_them() -> None:
    rows = table((200, 2000, 1, 200), (201, 2001, 200, 200), (202, 2002, 201, 202), (300, 2000, 1, 300))
    assert pids(below(rows, LAUNCHER, [Process(200, 2000)])) == {200, 201, 202}


def test_a_seed_whose_pid_was_reused_brings_nothing() -> None:
    assert below(table((200, 2500, 1, 200), (201, 2501, 200, 200)), LAUNCHER, [Process(200, 2000)]) == {}


def test_a_session_begun_elsewhere_is_not_taken_over() -> None:
    """A marked process in somebody's terminal session does not drag the terminal along."""
    rows = table((40, 1500, 1, 40), (200, 2000, 40, 40))
    assert pids(below(rows, LAUNCHER, [Process(200, 2000)])) == {200}


class Flickering(Proc):
    """One process whose environment is empty for the first looks, as while a program replaces another."""

    def __init__(self, empty_looks: int) -> None:
        super().__init__()
        self.empty_looks, self.killed = empty_looks, list[Process]()

    def boot_id(self) -> str:
        return "boot"

    def processes(self) -> dict[int, Stat]:
        return {} if self.killed else table((200, 2000, 1, 200))

    def is_marked(self, pid: int, workload_id: str) -> bool | None:
        self.empty_looks -= 1
        return None if self.empty_looks >= 0 else True

    def send(self, process: Process, number: signal.Signals) -> bool:
        self.killed.append(process)
        return True


@pytest.mark.parametrize("empty_looks", [0, 1, 5])
def test_what_just_changes_its_program_is_found(empty_looks: int) -> None:
    proc = Flickering(empty_looks)
    place = Place("wl-1", Path("/nowhere"), 1).with_launcher(LAUNCHER, "boot")
    assert Tree(proc, place).kill(5)
    assert proc.killed == [Process(200, 2000)]


def test_what_has_no_environment_at_all_is_a_strangers() -> None:
    proc = Flickering(1000)
    place = Place("wl-1", Path("/nowhere"), 1).with_launcher(LAUNCHER, "boot")
    assert Tree(proc, place).kill(5)
    assert proc.killed == []


def test_after_a_restart_of_the_machine_nobody_is_looked_for() -> None:
    proc = Flickering(0)
    place = Place("wl-1", Path("/nowhere"), 1).with_launcher(LAUNCHER, "another boot")
    assert Tree(proc, place).kill(5)
    assert proc.killed == []
