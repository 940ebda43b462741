"""How an agent is, in words, with the evidence. Only what it has told is said: older agents tell less."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import TYPE_CHECKING

from prefect_platform.cli import output

if TYPE_CHECKING:
    from prefect_platform.wire.agents import Agent, AgentReport, LatencyBucket

SEEN = timedelta(seconds=30)
"""An agent reports every five seconds; one that has not for so long does not run."""
POLLED = timedelta(seconds=60)
"""It looks at Prefect every five seconds, unless Prefect asks it to wait."""


def alive(agent: Agent, now: datetime | None = None) -> bool:
    return agent.last_seen_at is not None and (now or datetime.now(UTC)) - agent.last_seen_at <= SEEN


def stuck(agent: Agent, now: datetime | None = None) -> list[str]:
    """Each thing that keeps it from its work, as a sentence; nothing for an agent that is well."""
    now = now or datetime.now(UTC)
    if agent.last_seen_at is None:
        return ["it has never reported: start it"]
    found = []
    if not alive(agent, now):
        found.append(f"it was last seen {output.ago(agent.last_seen_at)}, so it does not run")
    if agent.report is not None:
        found += _told(agent.report, agent.last_seen_at)
    return found


def _told(report: AgentReport, seen: datetime) -> list[str]:
    found = []
    if report.problem:
        since = (
            f" (for {output.duration(_seconds(report.problem_since, seen))})" if report.problem_since else ""
        )
        found.append(report.problem.rstrip() + since)
    if report.last_poll_at is not None and seen - report.last_poll_at > POLLED:
        found.append(f"it last looked at Prefect {output.ago(report.last_poll_at)}")
    if report.late_runs:
        why = f": {report.late_reason}" if report.late_reason else ""
        first = f", the first due {output.ago(report.late_since)}" if report.late_since else ""
        found.append(f"{report.late_runs} runs that are due are not taken{first}{why}")
    return found


def well(report: AgentReport) -> str:
    """What shows that it works."""
    told = []
    if report.started_at is not None:
        told.append(f"started {output.ago(report.started_at)}")
    if report.last_poll_at is not None:
        told.append(f"looked at Prefect {output.ago(report.last_poll_at)}")
    if report.last_agreed_at is not None:
        told.append(f"agreed with it {output.ago(report.last_agreed_at)}")
    if half := median(report.pickup_seconds):
        told.append(f"half of its runs started within {half}")
    return ", ".join(told)


def median(buckets: Sequence[LatencyBucket]) -> str | None:
    """The bound within which half of the runs started; None where there were none."""
    total = sum(bucket.count for bucket in buckets)
    if not total:
        return None
    counted = accumulate(bucket.count for bucket in buckets)
    reached = next(bucket for bucket, count in zip(buckets, counted, strict=True) if 2 * count >= total)
    if reached.le_seconds is not None:
        return f"{reached.le_seconds:g} s"
    return f"more than {max((bucket.le_seconds or 0.0) for bucket in buckets):g} s"


def _seconds(since: datetime, until: datetime) -> float:
    return max(0.0, (until - since).total_seconds())
