"""`usage`: a table with totals, JSON and CSV; and the Python client behind it."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from prefect_platform.client.usage import _params
from prefect_platform.errors import UsageError
from prefect_platform.wire.flows import RunRequest
from prefect_platform.wire.usage import UsageBy
from tests.unit.cli.scene import Scene


@pytest.fixture
def ran(platform: Scene) -> Scene:
    """One run, a moment long."""
    platform.register({"flow.py": b"pass"})
    flow = platform.client.flows.find("default", "etl")
    platform.launched(platform.client.flows.run(flow.id, RunRequest())).end()
    return platform


def test_nothing_is_said_where_nothing_ran(platform: Scene) -> None:
    done = platform.type(
        "usage", "--since", "2026-01-01", "--until", "2026-02-01", "--timezone", "Europe/Paris"
    )
    assert done.stdout.splitlines() == [
        "Project default, 2026-01-01 00:00 to 2026-02-01 00:00 (Europe/Paris)",
        "",
        "Nothing held room in that time.",
    ]


def test_a_table_with_totals(ran: Scene) -> None:
    lines = ran.type("usage", "--by", "flow,kind").stdout.splitlines()
    assert lines[0].startswith("Project default, ")
    assert lines[2].split() == [
        "FLOW", "KIND", "HOURS", "CORE-HOURS", "GIB-HOURS", "GPU-HOURS", "PRICE", "UNPRICED-HOURS",
    ]  # fmt: skip
    assert lines[3].split()[:2] == ["etl", "run-attempt"]
    assert lines[4].split()[:2] == ["total", "-"]
    assert len(lines) == 5


def test_runs_are_told_by_name(ran: Scene) -> None:
    names = {run.name for run in ran.client.runs.list("default").items}
    lines = ran.type("usage", "--by", "run").stdout.splitlines()[3:-1]
    assert {line.split()[0] for line in lines} == names


def test_json_and_csv_are_the_same_rows(ran: Scene) -> None:
    found = json.loads(ran.type("usage", "--by", "user,day", "--json").stdout)
    done = ran.type("usage", "--by", "user,day", "--csv")
    assert done.stdout_bytes.count(b"\r\n") == 2
    (row,) = csv.DictReader(io.StringIO(done.stdout))
    assert (row["user"], row["day"]) == (found["rows"][0]["user"], found["rows"][0]["day"])
    assert found["total"]["hours"] == found["rows"][0]["hours"] > 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--by", "flaw"], "Did you mean 'flow'?"),
        (["--timezone", "Paris"], "There is no time zone 'Paris'"),
        (["--since", "2030-01-01"], "ends before it begins"),
        (["--csv", "--json"], "take one of them"),
        (["--project", "other"], "no project 'other'"),
    ],
)
def test_misuse_is_said_and_exits_2(platform: Scene, words: list[str], said: str) -> None:
    done = platform.type("usage", *words)
    assert (done.exit_code, done.stdout) == (2, "")
    assert said in done.stderr


def test_the_client_takes_dates_times_and_text(ran: Scene) -> None:
    today = datetime.now(UTC).date()
    for since in (today, today.isoformat(), datetime.now(UTC) - timedelta(hours=1)):
        found = ran.client.usage.get("default", since=since, by=["day", UsageBy.FLOW])
        assert (found.by, found.rows[-1].flow) == ([UsageBy.DAY, UsageBy.FLOW], "etl")
    assert found.rows[-1].day in (today, today - timedelta(days=1))
    assert ran.client.usage.csv("default", until=date(2026, 1, 2)).startswith("flow,hours,")
    with pytest.raises(UsageError, match="Did you mean 'user'"):
        ran.client.usage.csv("default", by="usr")


def test_a_time_keeps_its_zone_on_the_way() -> None:
    at = datetime(2026, 11, 1, 6, tzinfo=timezone(timedelta(hours=2)))
    assert _params(at, None, "flow", "UTC")["since"] == "2026-11-01T06:00:00+02:00"
