"""How things stand: the parts on this machine, and what the platform says of agents, servers and runs."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from prefect_platform.cli import jupyter_words, output
from prefect_platform.cli.embedded.disk import Disk, disk
from prefect_platform.cli.embedded.places import Places
from prefect_platform.cli.embedded.state import State, read_state
from prefect_platform.client.settings import connect
from prefect_platform.errors import PlatformError
from prefect_platform.wire.resources import ResourceKind

if TYPE_CHECKING:
    from prefect_platform.wire.agents import Agent
    from prefect_platform.wire.resources import Resource
    from prefect_platform.wire.runs import Run

_OPEN = ("running", "starting", "provisioning", "queued")
_RUNS = 20


@dataclass(frozen=True)
class PartStanding:
    name: str
    running: bool
    pid: int | None
    uptime_seconds: float | None
    restarts: int
    address: str


@dataclass(frozen=True)
class Standing:
    parts: Sequence[PartStanding]
    url: str | None
    problem: str | None
    """Why the platform could not be asked."""
    agents: Sequence[Agent] = ()
    kept: Mapping[str, Resource] = field(default_factory=dict)
    """By name: agents that the platform starts, and how they are."""
    jupyter: Sequence[Resource] = ()
    runs: Sequence[Run] = field(default=())
    disk: Disk | None = None
    """None where the platform keeps nothing on this machine."""

    @property
    def sound(self) -> bool:
        up = all(part.running for part in self.parts)
        return self.problem is None and up and not any(map(down, self.kept.values()))

    def plain(self) -> dict[str, Any]:
        return {
            "sound": self.sound,
            "url": self.url,
            "problem": self.problem,
            "parts": [asdict(part) for part in self.parts],
            "agents": list(self.agents),
            "kept_agents": list(self.kept.values()),
            "jupyter_servers": list(self.jupyter),
            "open_runs": list(self.runs),
            "disk": asdict(self.disk) if self.disk is not None else None,
        }


def look(places: Places) -> Standing:
    """Ask the machine, then the platform that the profile names."""
    parts, used = list(_parts(read_state(places))), disk(places.data)
    try:
        with connect() as client:
            agents = client.agents.list(client.project)
            kept = client.resources.list(client.project, ResourceKind.PREFECT_AGENT)
            jupyter = client.resources.list(client.project, ResourceKind.JUPYTER_SERVER)
            runs = [
                run
                for status in _OPEN
                for run in client.runs.list(client.project, status=status, limit=_RUNS).items
            ]
            by_name = {one.name: one for one in kept}
            return Standing(parts, client.url, None, agents, by_name, jupyter, runs, used)
    except PlatformError as error:
        return Standing(parts, None, error.message, disk=used)


def _parts(state: State | None) -> list[PartStanding]:
    """The parts of the platform on this machine; none, if none was started or it was stopped in order."""
    if state is None:
        return []
    found = {"supervisor": state.supervisor, **state.parts}
    standing = []
    for name in ("supervisor", *state.expected):
        part = found.get(name)
        alive = part is not None and part.process.alive
        standing.append(
            PartStanding(
                name=name,
                running=alive,
                pid=part.pid if part and alive else None,
                uptime_seconds=time.time() - part.since if part and alive else None,
                restarts=part.restarts if part else 0,
                address=state.urls.get(name, ""),
            )
        )
    return standing


def shown(standing: Standing) -> str:
    """All of it for people."""
    sections = [
        output.table(
            ("part", "state", "pid", "for", "restarts", "address"),
            [
                (p.name, "running" if p.running else "not running", p.pid, output.duration(p.uptime_seconds),
                 p.restarts or None, p.address)
                for p in standing.parts
            ],
            nothing="No platform was started on this machine. `prefect-platform up` starts one.",
        )
    ]  # fmt: skip
    if standing.disk is not None:
        sections.append(_disk(standing.disk))
    if standing.problem is not None:
        return "\n\n".join([*sections, standing.problem])
    agents = [agent_row(one, standing.kept.get(one.name)) for one in standing.agents]
    sections.append(output.table(("agent", "state", "seen", "problem"), agents, nothing="No agents."))
    if standing.jupyter:
        sections.append(_jupyter(standing.jupyter, datetime.now(UTC)))
    runs = [
        (r.name, r.flow_name, r.status and r.status.value, output.between(r.created_at, None), r.id)
        for r in standing.runs
    ]
    sections.append(
        output.table(("open run", "flow", "status", "since", "id"), runs, nothing="No open runs.")
    )
    return "\n\n".join(sections)


def down(resource: Resource) -> bool:
    """Whether it is wanted running and is not, nor on its way."""
    state = resource.state
    return state.target == "running" and state.status in ("waiting", "failed")


def agent_row(agent: Agent, kept: Resource | None) -> tuple[str, str, str, str | None]:
    """Name, state, when it was seen, and what is wrong."""
    said = agent.report.problem if agent.report else None
    if kept is None:
        return agent.name, "by hand", output.ago(agent.last_seen_at), said
    why = kept.state.reason if kept.state.status != "running" else None
    if kept.state.target == "stopped":
        why = why or f"`prefect-platform agent start {agent.name}` starts it"
    return agent.name, kept.state.status.value, output.ago(agent.last_seen_at), why or said


def _jupyter(servers: Sequence[Resource], now: datetime) -> str:
    rows = [
        (one.name, jupyter_words.status(one), jupyter_words.left(one, now), one.owner,
         jupyter_words.next_step(one), jupyter_words.stuck(one, now))
        for one in servers
    ]  # fmt: skip
    header = ("jupyter server", "state", "stops in", "owner", "command", "problem")
    return output.table(header, rows, nothing="")


def _disk(found: Disk) -> str:
    rows = [
        (use.name, f"{'' if use.whole else 'more than '}{output.size(use.bytes)}", f"{use.files:,}")
        for use in found.stores
    ]
    rows.append(("free", output.size(found.free_bytes), ""))
    return output.table(("on disk", "size", "files"), rows, nothing="")
