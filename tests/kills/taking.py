"""Runs that are taken by an agent which is killed while it takes them, and what became of each.

Nobody waits for a run before the next kill: several are on their way in each, at different steps. The pause
before an agent that dies again and again is started is somebody's `agent start` away, as it is for people.
"""

from __future__ import annotations

import itertools
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from prefect_platform.client.api import PlatformClient
from prefect_platform.errors import NotFound
from prefect_platform.testing.embedded import Embedded, until
from prefect_platform.testing.prefect_calls import Prefect
from prefect_platform.wire.resources import ResourceKind
from prefect_platform.wire.runs import FINAL, Run, Status
from tests.kills.steps import STEPS, Gateway, Step, gateway

AGENT = ResourceKind.PREFECT_AGENT
VICTIM = "victim"
RUNS_A_KILL = 2
HIT_SECONDS = 60.0
"""Longest wait for the step in which the agent is to be killed."""
BACK_SECONDS = 60.0
STILL_SECONDS = 90.0
"""After the last kill some run ends within this time, until all are over."""
FLOW = """
import os
import time
from prefect import flow, runtime

@flow
def once(journal: str, dies: bool = False, sign: str = "") -> None:
    with open(journal, "a") as file:
        file.write(f"{runtime.flow_run.id}\\n")
    while sign and not os.path.exists(sign):
        time.sleep(0.05)
    if dies:
        os._exit(9)
"""


@dataclass(frozen=True)
class Told:
    """What is known of a run once all should be over."""

    run: str
    step: Step
    """In which its agent was killed first."""
    status: Status | None
    """None: the platform never heard of it."""
    attempts: int
    times: int
    """How often its code ran."""


@dataclass
class Outcome:
    kills: Counter[str] = field(default_factory=Counter)
    runs: int = 0
    lost: list[str] = field(default_factory=list)
    """Runs that did not come to their end, in words."""
    twice: list[str] = field(default_factory=list)
    """Runs that were done, or begun, more than once."""
    unreached: list[str] = field(default_factory=list)
    """Steps in which no agent could be killed: then nothing is known of them."""
    seconds: float = 0.0

    @property
    def problems(self) -> list[str]:
        return [*self.lost, *self.twice, *self.unreached]


def judge(outcome: Outcome, found: Sequence[Told]) -> None:
    """Every run has to be done exactly once, in one attempt."""
    outcome.runs += len(found)
    for one in found:
        words = (
            f"{one.step.name}: run {one.run} is {one.status}, {one.attempts} attempts, done {one.times} times"
        )
        if one.attempts > 1 or one.times > 1:
            outcome.twice.append(words)
        elif one.status is not (Status.CRASHED if one.step.dies else Status.SUCCEEDED) or one.times == 0:
            outcome.lost.append(words)


def agent_processes(platform: Embedded, name: str) -> list[psutil.Process]:
    """The living processes of an agent of this platform."""
    start = platform.client().resources.get("default", AGENT, name).state.workload_id
    found = []
    for one in psutil.process_iter():
        try:
            ours = one.environ().get("PREFECT_PLATFORM_WORKLOAD_ID") == start
            if ours and "agent run" in " ".join(one.cmdline()) and one.status() != psutil.STATUS_ZOMBIE:
                found.append(one)
        except psutil.Error:  # gone, or somebody else's
            continue
    return found


def taking(
    platform: Embedded, folder: Path, kills: int, tell: Callable[[str], None] = lambda _: None
) -> Outcome:
    """Kill an agent so many times, in one step of taking runs after the other, and judge every run.

    `tell` hears of each kill.
    """
    began, outcome = time.monotonic(), Outcome()
    deployment, journal = register(platform, folder), folder / "journal"
    runs: dict[str, Step] = {}
    with _killed_agent(platform) as between:
        for number, step in zip(range(1, kills + 1), itertools.cycle(STEPS), strict=False):
            before, between.step = time.monotonic(), step
            runs |= dict.fromkeys(_start(platform, deployment, journal, dies=step.dies), step)
            _killed(platform, between, step, outcome)
            tell(f"{number}/{kills} {step.name}: {time.monotonic() - before:.1f} s")
        _wait_for(platform.client(), list(runs))
        judge(outcome, [_told(platform.client(), run, step, journal) for run, step in runs.items()])
    outcome.seconds = time.monotonic() - began
    tell(f"{outcome.runs} runs, {len(outcome.lost)} lost, {len(outcome.twice)} done twice")
    return outcome


@contextmanager
def _killed_agent(platform: Embedded) -> Iterator[Gateway]:
    """An agent alone on the pool, behind a gateway that can kill it."""

    def kill() -> int:
        victims = agent_processes(platform, VICTIM)
        for process in victims:
            process.kill()
        return len(victims)

    client = platform.client()
    client.resources.stop("default", AGENT, "local")
    with gateway(platform.prefect_api, kill) as between:
        client.resources.create("default", AGENT, VICTIM, {"prefect_api_url": between.api})
        until(lambda: client.agents.get("default", VICTIM).report, BACK_SECONDS, "the agent to report")
        yield between
        client.resources.delete("default", AGENT, VICTIM)
        client.resources.start("default", AGENT, "local")


def _killed(platform: Embedded, between: Gateway, step: Step, outcome: Outcome) -> None:
    """Wait for the kill, and have the agent started again without the pause that grows from end to end."""
    client, kills = platform.client(), between.kills
    ends = client.resources.get("default", AGENT, VICTIM).state.restarts
    try:
        until(lambda: between.kills > kills, HIT_SECONDS, step.name)
    except TimeoutError as error:
        outcome.unreached.append(f"no agent was killed {step.name}: {error}")
        between.step = None
        return
    outcome.kills[step.name] += 1
    until(
        lambda: client.resources.get("default", AGENT, VICTIM).state.restarts > ends, BACK_SECONDS, "its end"
    )
    client.resources.start("default", AGENT, VICTIM)


def _start(platform: Embedded, deployment: str, journal: Path, *, dies: bool) -> list[str]:
    body = {"parameters": {"journal": str(journal), "dies": dies}, "state": {"type": "SCHEDULED"}}
    prefect = Prefect(platform.prefect_api, keep_alive=False)
    path = f"deployments/{deployment}/create_flow_run"
    return [str(prefect.call("POST", path, body)["id"]) for _ in range(RUNS_A_KILL)]


def _wait_for(client: PlatformClient, runs: Sequence[str]) -> None:
    """Until all are over, or none ends any more: which are not is for the judgement to say."""
    waiting, ended = list(runs), time.monotonic()
    while waiting and time.monotonic() - ended < STILL_SECONDS:
        found = {run: _found(client, run) for run in waiting}
        left = [run for run, one in found.items() if one is None or one.status not in FINAL]
        if len(left) < len(waiting):
            waiting, ended = left, time.monotonic()
        time.sleep(0.5)


def _found(client: PlatformClient, run: str) -> Run | None:
    """The run; None while the platform has not heard of it."""
    with suppress(NotFound):
        return client.runs.get(run)
    return None


def _told(client: PlatformClient, run: str, step: Step, journal: Path) -> Told:
    found = _found(client, run)
    times = journal.read_text().split().count(run) if journal.exists() else 0
    return Told(run, step, found.status if found else None, found.attempts if found else 0, times)


def register(platform: Embedded, folder: Path, *options: str) -> str:
    """Register the flow; the id of its deployment in Prefect."""
    (folder / "taken.py").write_text(FLOW)
    command = [sys.executable, "-m", "prefect_platform", "flow", "register", f"{folder / 'taken.py'}:once"]
    done = subprocess.run(
        [*command, "--name", "taken", *options],
        env=platform.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stdout + done.stderr)
    flow = platform.client().flows.find("default", "once")
    assert flow is not None
    return flow.deployments[0].prefect_deployment_id
