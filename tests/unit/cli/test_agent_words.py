"""What is said of an agent rests on what it told; an older one told less."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from prefect_platform.cli import agent_words, output
from prefect_platform.wire.agents import Agent, AgentReport, LatencyBucket

NOW = datetime.now(UTC)
OLD = {"version": "0.1.0", "prefect_version": "3.8.8", "work_pool": "p"}


def ago(**span: float) -> datetime:
    return NOW - timedelta(**span)


def agent(seen: datetime | None = NOW, **told: Any) -> Agent:
    report = AgentReport.model_validate(OLD | told) if seen else None
    return Agent(id="ag-1", name="a", project="p", created_at=NOW, last_seen_at=seen, report=report)


def buckets(*counts: int) -> list[LatencyBucket]:
    bounds = (0.25, 0.5, 1.0, None)
    return [LatencyBucket(le_seconds=le, count=count) for le, count in zip(bounds, counts, strict=True)]


def test_a_report_of_an_older_agent_is_understood() -> None:
    assert agent_words.stuck(agent(), NOW) == []
    assert agent_words.well(AgentReport.model_validate(OLD)) == ""


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (agent(None), "never reported"),
        (agent(ago(hours=3)), r"last seen 3 h .*does not run"),
        (
            agent(problem="Prefect answers 401.", problem_since=ago(hours=1)),
            r"Prefect answers 401. \(for 1 h",
        ),
        (agent(problem="Something odd."), r"^Something odd\.$"),
        (agent(last_poll_at=ago(minutes=5)), r"last looked at Prefect 5 min"),
        (
            agent(late_runs=3, late_since=ago(minutes=2), late_reason="the work pool is paused in Prefect"),
            r"3 runs .* not taken, the first due 2 min .*: the work pool is paused",
        ),
    ],
)
def test_what_keeps_it_from_its_work_is_said_with_the_evidence(
    found: Agent, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import re

    class AsItWas(datetime):
        """These cases were made when the file was read, which may be long ago."""

        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return NOW

    monkeypatch.setattr(output, "datetime", AsItWas)
    (sentence,) = agent_words.stuck(found, NOW)
    assert re.search(told, sentence), sentence


def test_one_that_is_well_shows_it() -> None:
    took = buckets(0, 1, 3, 0)
    found = agent(
        started_at=ago(days=1), last_poll_at=NOW, last_agreed_at=NOW, late_runs=0, pickup_seconds=took
    )
    assert agent_words.stuck(found, NOW) == []
    assert found.report is not None
    told = agent_words.well(found.report)
    assert "started 1 d" in told
    assert "agreed with it" in told
    assert "half of its runs started within 1 s" in told


@pytest.mark.parametrize(
    ("counts", "told"), [((0, 0, 0, 0), None), ((0, 0, 0, 1), "more than 1 s"), ((1, 0, 0, 0), "0.25 s")]
)
def test_the_median_is_a_bound(counts: tuple[int, ...], told: str | None) -> None:
    assert agent_words.median(buckets(*counts)) == told
