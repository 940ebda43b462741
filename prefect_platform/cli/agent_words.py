"""How an agent is, in words, with the evidence. Only what it has told is said: older agents tell less."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import TYPE_CHECKING

from prefect_platform.cli import output

if TYPE_CHECKING:
    from prefect_platform.wire.agents import Agent, AgentReport, Latency

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
    if report.agreed_at is not None:
        told.append(f"agreed with it {output.ago(report.agreed_at)}")
    if report.latency is not None and (half := median(report.latency)):
        told.append(f"half of its runs started within {half}")
    return ", ".join(told)


def median(latency: Latency) -> str | None:
    """The bound within which half of the runs started; None where there were none."""
    from prefect_platform.wire.agents import LATENCY_BOUNDS

    total = sum(latency.counts)
    if not total:
        return None
    reached = next(n for n, count in enumerate(accumulate(latency.counts)) if 2 * count >= total)
    bounds = [f"{bound:g} s" for bound in LATENCY_BOUNDS]
    return bounds[reached] if reached < len(bounds) else f"more than {bounds[-1]}"


def _seconds(since: datetime, until: datetime) -> float:
    return max(0.0, (until - since).total_seconds())
