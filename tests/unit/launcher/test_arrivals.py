from __future__ import annotations

from prefect_platform.launcher.arrivals import MANY, MAX_IN_HEADER, Arrivals


def test_the_first_mark_names_the_first_byte_asked_for() -> None:
    arrivals = Arrivals()
    arrivals.add(0, 1000)
    arrivals.add(50, 2000)
    arrivals.add(80, 3000)
    assert arrivals.header(60, 90) == "60:2000,80:3000"
    assert arrivals.header(0, 50) == "0:1000"


def test_bytes_of_one_moment_share_a_mark() -> None:
    arrivals = Arrivals()
    assert arrivals.add(0, 1000)
    assert not arrivals.add(10, 1005)
    assert arrivals.header(0, 20) == "0:1000"


def test_a_header_is_bounded_and_still_begins_with_its_first_byte() -> None:
    arrivals = Arrivals()
    for n in range(900):
        arrivals.add(n, n * 20)
    marks = arrivals.header(0, 900).split(",")
    assert 100 < len(marks) <= MAX_IN_HEADER
    assert marks[0] == "0:0"


def test_many_unsent_marks_get_coarser() -> None:
    arrivals = Arrivals()
    kept = sum(arrivals.add(n, n * 20) for n in range(10 * MANY))
    assert kept < 2 * MANY


def test_what_was_acknowledged_is_forgotten_but_for_the_mark_in_force() -> None:
    arrivals = Arrivals()
    for n in range(10):
        arrivals.add(n * 10, n * 1000)
    arrivals.forget(55)
    assert arrivals.header(55, 65) == "55:5000,60:6000"
    assert arrivals.header(0, 10) == ""


def test_a_clock_set_back_is_told_as_it_is() -> None:
    arrivals = Arrivals()
    arrivals.add(0, 5000)
    assert arrivals.add(5, 1000)


def test_one_offset_has_one_time_the_last() -> None:
    arrivals = Arrivals()
    for at in (1000, 2000, 3000):
        assert arrivals.add(7, at)
    assert arrivals.header(7, 9) == "7:3000"
