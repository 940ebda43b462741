"""Who can be killed now, by part and by phase of the run; and the killing of exactly that process."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from prefect_platform.backends.local.place import PID_FILE
from prefect_platform.backends.local.proc import parse_stat
from prefect_platform.cli.embedded.parts import PLATFORM
from prefect_platform.cli.embedded.process import Process, process
from prefect_platform.testing.embedded import Embedded
from tests.kills.writing import Journal

SERVERS = ("server", "agent")
"""Parts that serve every run, and are killed at a random age."""
PROGRAM = "program"
"""What the launcher of something that is no run has in its workload's directory."""
MARKER = "PREFECT_PLATFORM_WORKLOAD_ID"


@dataclass(frozen=True)
class Victim:
    """A process that lives."""

    process: Process
    workload_id: str = ""
    phase: str = ""
    """Of its run: `start` before its first line, `middle`, `end` after its last; none of a server."""

    def kill(self) -> bool:
        """SIGKILL; False if it ended before."""
        return self.process.send(signal.SIGKILL)


def living(platform: Embedded, journals: Path, part: str) -> list[Victim]:
    """The processes of a part: `server`, `agent`, `launcher` or `flow`."""
    if part == "server":
        told = platform.state["parts"].get(PLATFORM)
        found = Process(told["pid"], told["started"]) if told else None
        return [Victim(found)] if found is not None and found.alive else []
    all_of_them = list(_launchers(platform.data / "workloads"))
    if part == "agent":
        below = [_child(one.pid, "prefect_platform agent run") for _, one in all_of_them]
        return [Victim(agent) for agent in below if agent is not None]
    launchers = [
        Victim(launcher, workload_id, _phase(journals, workload_id))
        for workload_id, launcher in all_of_them
        if not (platform.data / "workloads" / workload_id / PROGRAM).exists()
    ]
    if part == "launcher":
        return launchers
    return [
        Victim(engine, one.workload_id, one.phase)
        for one in launchers
        if (engine := _child(one.process.pid, "prefect.engine")) is not None
    ]


def _launchers(workloads: Path) -> Iterator[tuple[str, Process]]:
    for pid_file in workloads.glob(f"*/{PID_FILE}"):
        try:
            text = pid_file.read_text()
        except FileNotFoundError:  # its workload was removed between these lines
            continue
        stat = text.partition(" ")[2]
        if text.endswith("\n") and stat:
            told = parse_stat(stat).process
            found = Process(told.pid, told.started)
            if found.alive:
                yield pid_file.parent.name, found


def _phase(journals: Path, workload_id: str) -> str:
    journal = Journal.read(journals, workload_id)
    if journal.done:
        return "end"
    return "middle" if journal.taken else "start"


def _child(launcher: int, words: str) -> Process | None:
    """The child of a launcher that was started with these words: Prefect's engine, or an agent."""
    try:
        for child in psutil.Process(launcher).children():
            found = process(child.pid)
            if words in " ".join(child.cmdline()) and found.alive:
                return found
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return None
    return None


def left_over(workload_id: str) -> list[str]:
    """What still lives of a workload: every process that carries its mark."""
    found = []
    for one in psutil.process_iter(["pid", "name"]):
        try:
            if one.environ().get(MARKER) == workload_id and one.status() != psutil.STATUS_ZOMBIE:
                found.append(f"{one.info['name']} ({one.pid})")
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found
