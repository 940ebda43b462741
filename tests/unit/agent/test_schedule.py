from __future__ import annotations

from datetime import UTC, datetime, timedelta

from prefect_platform.agent.schedule import Schedule, SetAside, StartUp

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def test_nothing_scheduled_wakes_nobody() -> None:
    assert Schedule().seconds_to_next(NOW, 2) is None


def test_the_next_one_is_claimed_before_it_is_due() -> None:
    schedule = Schedule()
    schedule.replace([after(30), after(10), after(50)])
    assert schedule.seconds_to_next(NOW, 2) == 8


def test_what_is_overdue_is_now_and_never_before() -> None:
    schedule = Schedule()
    schedule.replace([after(-5)])
    assert schedule.seconds_to_next(NOW, 2) == 0


def test_what_was_looked_at_does_not_wake_again() -> None:
    """A run that cannot be taken (no room, a paused queue) must not keep the agent spinning."""
    schedule = Schedule()
    schedule.replace([after(1), after(2), after(9)])
    schedule.pass_by(after(2))
    assert schedule.seconds_to_next(NOW, 0) == 9


def test_a_fresh_look_replaces_the_last() -> None:
    schedule = Schedule()
    schedule.replace([after(1)])
    schedule.replace([])
    assert schedule.seconds_to_next(NOW, 0) is None


def test_the_lead_starts_with_a_guess_and_follows_what_is_seen() -> None:
    start_up = StartUp()
    assert start_up.lead == 2.0
    for _ in range(40):
        start_up.saw(1.0)
    assert 1.0 <= start_up.lead < 1.1


def test_the_lead_allows_for_starts_that_vary() -> None:
    start_up = StartUp()
    for _ in range(20):
        start_up.saw(1.0)
        start_up.saw(3.0)
    assert start_up.lead > 3.0


def test_the_lead_is_bounded() -> None:
    slow, fast = StartUp(), StartUp()
    for _ in range(50):
        slow.saw(500.0)
        fast.saw(0.0)
    assert (slow.lead, fast.lead) == (StartUp.LONGEST, StartUp.SHORTEST)


def test_set_aside_for_longer_each_time() -> None:
    aside = SetAside()
    assert aside.put("run", 0)
    assert aside.holds("run", 4)
    assert not aside.holds("run", 5)
    assert not aside.put("run", 5)
    assert aside.holds("run", 14)
    for _ in range(10):
        aside.put("run", 100)
    assert not aside.holds("run", 100 + SetAside.LONGEST)


def test_set_aside_forgets() -> None:
    aside = SetAside()
    aside.put("run", 0)
    aside.forget_old(1000)
    assert len(aside) == 0
    assert aside.put("run", 1000)
