"""How soon an agent works again after `kill -9` of it, and what becomes of runs that it was taking.

`agent_back_s`: from the kill until another process of the agent has looked for runs. `AGENT_KILLS` more kills
hit it in each step of taking a run, and every run has to be done once; `PART=kills` does these alone.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from prefect_platform.testing.embedded import Embedded, embedded, until
from tests.benchmarks.measure import Figure
from tests.kills.taking import agent_processes, taking

ROUNDS = 10
KILLS = int(os.environ.get("AGENT_KILLS", "100"))
ALONE = os.environ.get("PART") == "kills"
STEADY_SECONDS = 6.0
"""Between two kills: an agent that is killed faster than this waits longer each time."""
BACK_SECONDS = 60.0


def figures() -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="bench-agents-") as directory:
        folder = Path(directory)
        with embedded(folder / "home") as platform:
            back = [] if ALONE else [_back(platform) for _ in range(ROUNDS)]
            outcome = taking(platform, folder, KILLS, tell=partial(print, flush=True))
    if outcome.problems:
        sys.exit("\n".join(["A run was lost, or done twice:", *outcome.problems]))
    return [
        Figure("agent_back_s", "s", "<= 5", ours=back),
        Figure("agent_kills", "kills", str(KILLS), ours=[float(sum(outcome.kills.values()))]),
        Figure("agent_kills_runs", "runs", f">= {KILLS}", ours=[float(outcome.runs)]),
        Figure("agent_kills_lost", "runs", "0", ours=[float(len(outcome.lost))]),
        Figure("agent_kills_twice", "runs", "0", ours=[float(len(outcome.twice))]),
        Figure("agent_kills_s", "s", "-", ours=[outcome.seconds]),
    ]


def _back(platform: Embedded) -> float:
    """Seconds from one kill until the agent can take a run."""
    client = platform.client()
    time.sleep(STEADY_SECONDS)
    (victim,) = agent_processes(platform, "local")
    killed = datetime.now(UTC)
    victim.kill()

    def back() -> datetime | None:
        report = client.agents.get("default", "local").report
        polled = report.last_poll_at if report else None
        return polled if polled is not None and polled > killed and _began(report.started_at) else None

    def _began(at: datetime | None) -> bool:
        return at is not None and at > killed

    return (until(back, BACK_SECONDS, "the agent to look for runs") - killed).total_seconds()


if __name__ == "__main__":
    from tests.benchmarks.measure import report

    report("resources-agents", figures())
