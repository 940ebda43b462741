"""Random `kill -9` of every part while runs write: who, when, how often, and what came of it."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from prefect_platform.testing.embedded import Embedded
from tests.kills.judging import Verdict
from tests.kills.runs import Runs
from tests.kills.victims import SERVERS, Victim, living
from tests.kills.writing import FLOW

PHASES = ("start", "middle", "middle", "middle", "middle", "middle", "middle", "middle", "end", "end")
"""Of a run, as often as each is hit: before its first line, while it writes, after its last."""
WITHIN = {"start": 2.5, "middle": 3.0, "end": 0.4}
"""Seconds into a phase: a kill comes at a random time of that."""
TOO_LATE_SECONDS = 8.0
"""A phase that did not last so long is given up for another choice."""


@dataclass
class Outcome:
    """Of a campaign."""

    kills: Counter[str]
    verdicts: Sequence[Verdict]
    seconds: float
    slowest: float
    """Seconds that the longest run took to its sealed log and true status, the killing included."""

    @property
    def lost(self) -> int:
        return sum(verdict.lost for verdict in self.verdicts)

    @property
    def problems(self) -> list[str]:
        return ["; ".join(v.problems) for v in self.verdicts if v.problems]


class Killer:
    """Kills one part again and again, at random times."""

    def __init__(self, part: str, times: int, gap: float, chance: random.Random) -> None:
        self.part, self.left = part, times
        self._gap, self._chance = gap, chance
        self._first_seen: dict[tuple[int, str], float] = {}
        self._choose()

    def _choose(self) -> None:
        """A server is killed at a random age, of a run a process in a random phase."""
        if self.part in SERVERS:
            self._due, self._phase = time.monotonic(), ""
            self._delay = self._chance.uniform(0, 2 * self._gap)
            return
        self._due = time.monotonic() + self._chance.uniform(0, 2 * self._gap)
        self._phase = self._chance.choice(PHASES)
        self._delay = self._chance.uniform(0, WITHIN[self._phase])

    def step(self, platform: Embedded, journals: Path, kills: dict[str, str]) -> str | None:
        """Kill if it is time. Returns what was killed, as `part phase`."""
        now = time.monotonic()
        if not self.left or now < self._due:
            return None
        victims = [
            victim
            for victim in living(platform, journals, self.part)
            if victim.phase == self._phase and self._ready(victim, now) and victim.workload_id not in kills
        ]
        if victims and (victim := self._chance.choice(victims)).kill():
            what = f"{self.part} {self._phase}".rstrip()
            if victim.workload_id:
                kills[victim.workload_id] = what
            self.left -= 1
            self._choose()
            return what
        if now - self._due > TOO_LATE_SECONDS and self._phase:
            self._choose()
        return None

    def _ready(self, victim: Victim, now: float) -> bool:
        first = self._first_seen.setdefault((victim.process.pid, victim.phase), now)
        return now - first >= self._delay


def campaign(
    platform: Embedded, folder: Path, times: dict[str, int], gaps: dict[str, float], seed: int
) -> Outcome:
    """Kill each part so many times, about `gaps` seconds apart, and judge every run."""
    began = time.monotonic()
    journals = folder / "journals"
    journals.mkdir()
    kills: dict[str, str] = {}
    runs = Runs(platform, register(platform, folder), journals, kills, seed)
    killers = [
        Killer(part, count, gaps[part], random.Random(f"{seed} {part}")) for part, count in times.items()
    ]
    done: Counter[str] = Counter()
    while any(killer.left for killer in killers) and runs.alive:
        for killer in killers:
            what = killer.step(platform, journals, kills)
            done.update([what] if what else [])
        time.sleep(0.02)
    runs.stop()
    return Outcome(done, runs.verdicts, time.monotonic() - began, runs.slowest)


def register(platform: Embedded, folder: Path) -> str:
    """Register the writer; the id of its deployment in Prefect."""
    (folder / "writer.py").write_text(FLOW)
    command = [sys.executable, "-m", "prefect_platform", "flow", "register", f"{folder / 'writer.py'}:writer"]
    done = subprocess.run(
        [*command, "--name", "kill"],
        env=platform.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stdout + done.stderr)
    flow = platform.client().flows.find("default", "writer")
    assert flow is not None
    return flow.deployments[0].prefect_deployment_id
