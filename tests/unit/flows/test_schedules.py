"""Schedules are checked here as Prefect would, and say what is wrong; equal ones get equal slugs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from dateutil import rrule
from prefect.schedules import Cron, Interval

from prefect_platform.errors import RegistrationError
from prefect_platform.flows.schedules import wanted_schedules


@pytest.mark.parametrize(
    "cron", ["0 2 * * *", "@daily", "@Hourly", "*/5 * * * * *", "0 9 * * MON-FRI", "0 0 29 2 *"]
)
def test_good_crons(cron: str) -> None:
    [found] = wanted_schedules(cron=cron)
    assert found.schedule["cron"] == cron
    assert found.slug.startswith("platform-cron-")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"cron": "61 * * * *"}, ["cron='61 * * * *'", "bad minute", "cron='0 2 * * *'"]),
        ({"cron": "every day"}, ["cron='every day'", "five fields"]),
        ({"cron": "@dayly"}, ["Did you mean '@daily'"]),
        ({"cron": 5}, ["cron is 5"]),
        ({"cron": "0 0 31 2 *"}, ["bad day-of-month"]),
        ({"interval": 0}, ["interval=0", "more than 0"]),
        ({"interval": timedelta(seconds=-1)}, ["more than 0"]),
        ({"interval": float("nan")}, ["interval is nan", "interval=3600"]),
        ({"interval": True}, ["interval is True"]),
        ({"rrule": "FREQ=SOMETIMES"}, ["rrule='FREQ=SOMETIMES'", "FREQ=WEEKLY"]),
        ({"rrule": 7}, ["rrule is 7"]),
        (
            {"cron": "@daily", "timezone": "Europe/Berln"},
            ["no time zone 'Europe/Berln'", "Did you mean 'Europe/Berlin'"],
        ),
        ({"schedule": 5}, ["A schedule is int 5", "Cron("]),
        ({"schedules": [{"corn": "@daily"}]}, ["no 'corn'", "Did you mean 'cron'"]),
        ({"cron": ["@daily", "@daily"]}, ["cron='@daily' is given twice"]),
    ],
)
def test_a_bad_one_is_named_with_an_example(options: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(RegistrationError) as caught:
        wanted_schedules(**options)
    for word in words:
        assert word in str(caught.value)


def test_the_slug_is_of_the_content() -> None:
    assert wanted_schedules(cron="0 2 * * *") == wanted_schedules(cron=" 0  2 * * * ")
    one, two = wanted_schedules(cron=["0 2 * * *", "0 3 * * *"])
    assert one.slug != two.slug
    assert one.family == two.family
    assert wanted_schedules(cron="0 2 * * *", timezone="Europe/Berlin")[0].slug != one.slug


def test_an_interval_is_the_same_whenever_it_is_asked_for() -> None:
    assert wanted_schedules(schedule=Interval(60)) == wanted_schedules(schedule=Interval(60))
    anchored = wanted_schedules(schedule=Interval(60, anchor_date=datetime(2024, 1, 1, tzinfo=UTC)))
    assert anchored[0].schedule["anchor_date"].startswith("2024-01-01")


def test_prefects_own_objects_keep_what_they_say() -> None:
    given = Cron("0 2 * * *", timezone="Europe/Berlin", slug="early", parameters={"n": 1}, active=False)
    [found] = wanted_schedules(schedule=given, timezone="Asia/Tokyo")
    assert found.slug.startswith("platform-early-")
    assert (found.active, found.parameters) == (False, {"n": 1})
    assert found.schedule["timezone"] == "Europe/Berlin"


def test_rrule_objects_are_taken() -> None:
    [found] = wanted_schedules(rrule=rrule.rrule(rrule.DAILY, dtstart=datetime(2024, 1, 1)))  # noqa: DTZ001 - as people write it
    assert "FREQ=DAILY" in found.schedule["rrule"]


def test_no_schedule_is_none() -> None:
    assert wanted_schedules() == []
