"""Runs that are taken by an agent which is killed while it takes them, and what became of each."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from prefect_platform.testing.embedded import Embedded, until
from prefect_platform.testing.prefect_calls import Prefect
from prefect_platform.wire.resources import ResourceKind
from prefect_platform.wire.runs import FINAL, Status
from tests.kills.steps import STEPS, Gateway, Step, gateway

AGENT = ResourceKind.PREFECT_AGENT
END_SECONDS = 120.0
FLOW = """
import os
from prefect import flow, runtime

@flow
def once(journal: str) -> None:
    with open(journal, "a") as file:
        file.write(f"{runtime.flow_run.id}\\n")
"""


@dataclass
class Outcome:
    kills: Counter[str]
    problems: list[str]


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


def taking(platform: Embedded, folder: Path, kills: int) -> Outcome:
    """Start one run for each kill, in one step after the other, and see that each is done once."""
    deployment = register(platform, folder)
    with _killed_agent(platform) as between:
        done: Counter[str] = Counter()
        problems: list[str] = []
        for _, step in zip(range(kills), itertools.cycle(STEPS), strict=False):
            run = _start(platform, deployment, folder / "journal", between, step)
            problems += _judged(platform, run, folder / "journal", step)
            done[step.name] += between.step is None
            between.step = None
    return Outcome(done, problems)


@contextmanager
def _killed_agent(platform: Embedded) -> Iterator[Gateway]:
    """An agent alone on the pool, behind a gateway that can kill it."""

    def kill() -> None:
        for process in agent_processes(platform, "victim"):
            process.kill()

    client = platform.client()
    client.resources.stop("default", AGENT, "local")
    with gateway(platform.prefect_api, kill) as between:
        client.resources.create("default", AGENT, "victim", {"prefect_api_url": between.api})
        until(lambda: client.agents.get("default", "victim").report, 60, "the agent to report")
        yield between
        client.resources.delete("default", AGENT, "victim")


def _start(platform: Embedded, deployment: str, journal: Path, between: Gateway, step: Step) -> str:
    between.step = step
    body = {"parameters": {"journal": str(journal)}, "state": {"type": "SCHEDULED"}}
    prefect = Prefect(platform.prefect_api, keep_alive=False)
    return str(prefect.call("POST", f"deployments/{deployment}/create_flow_run", body)["id"])


def _judged(platform: Embedded, run: str, journal: Path, step: Step) -> list[str]:
    """What is wrong with a run that should have been done exactly once."""
    client = platform.client()

    def over() -> bool:
        return any(one.id == run and one.status in FINAL for one in client.runs.list("default").items)

    try:
        until(over, END_SECONDS, f"run {run}")
    except TimeoutError as lost:
        return [f"{step.name}: {lost}"]
    found, times = client.runs.get(run), journal.read_text().split().count(run)
    if (found.status, found.attempts, times) == (Status.SUCCEEDED, 1, 1):
        return []
    return [f"{step.name}: run {run} is {found.status}, {found.attempts} attempts, done {times} times"]


def register(platform: Embedded, folder: Path) -> str:
    """Register the flow; the id of its deployment in Prefect."""
    (folder / "taken.py").write_text(FLOW)
    command = [sys.executable, "-m", "prefect_platform", "flow", "register", f"{folder / 'taken.py'}:once"]
    done = subprocess.run(
        [*command, "--name", "taken"], env=platform.environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(done.stdout + done.stderr)
    flow = platform.client().flows.find("default", "once")
    assert flow is not None
    return flow.deployments[0].prefect_deployment_id
