"""Who belongs to a launcher, from tables of processes."""

from __future__ import annotations

from prefect_platform.backends.local.proc import Process, Stat
from prefect_platform.backends.local.tree import below

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
