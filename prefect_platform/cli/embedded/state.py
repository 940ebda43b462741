"""`up.json`: which processes are ours, where they answer, since when. For `status`, `down` and the next `up`.

A process is named by pid and start time, so a stale file is known for what it is.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from prefect_platform.cli.embedded.places import Places, read_json, write_json
from prefect_platform.cli.embedded.process import Process, process


@dataclass(frozen=True)
class PartState:
    """One process of an embedded platform."""

    pid: int
    started: int
    """Clock ticks since boot."""
    since: float
    """Seconds since the epoch."""
    restarts: int = 0
    log: str = ""

    @property
    def process(self) -> Process:
        return Process(self.pid, self.started)


@dataclass
class State:
    supervisor: PartState
    version: str
    data_dir: str
    profile: str
    expected: list[str] = field(default_factory=list)
    """Parts that there should be; no `prefect` where it is elsewhere."""
    urls: dict[str, str] = field(default_factory=dict)
    parts: dict[str, PartState] = field(default_factory=dict)
    ready_seconds: float | None = None
    """From the call of `up` until everything answered."""
    own_ready_seconds: float | None = None
    """Until the platform itself answered."""


def read_state(places: Places) -> State | None:
    """What the last `up` wrote, whether it still runs or not."""
    data = read_json(places.state)
    try:
        return _state(data)
    except (KeyError, TypeError):
        return None


def _state(data: dict[str, Any]) -> State:
    return State(
        supervisor=PartState(**data["supervisor"]),
        version=data["version"],
        data_dir=data["data_dir"],
        profile=data["profile"],
        expected=list(data["expected"]),
        urls=dict(data["urls"]),
        parts={name: PartState(**part) for name, part in data["parts"].items()},
        ready_seconds=data.get("ready_seconds"),
        own_ready_seconds=data.get("own_ready_seconds"),
    )


def write_state(places: Places, state: State) -> None:
    write_json(places.state, asdict(state))


def running(state: State | None) -> State | None:
    """The state, if its supervisor is alive."""
    return state if state is not None and state.supervisor.process.alive else None


def part_of(pid: int, since: float, *, restarts: int = 0, log: str = "") -> PartState:
    """The entry for a process that was just started; one that is gone already has no start time."""
    return PartState(pid, process(pid).started, since, restarts, log)
