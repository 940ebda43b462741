"""The platform that the profile names: its address, this user's token, what it says of itself, its agents."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from prefect_platform.cli import agent_words, output
from prefect_platform.client.profile import profile_path, readable_by_others
from prefect_platform.client.settings import Settings, resolve
from prefect_platform.errors import PlatformError, Unavailable
from prefect_platform.wire.installation import Check

if TYPE_CHECKING:
    from prefect_platform.client.api import PlatformClient
    from prefect_platform.wire.agents import Agent
    from prefect_platform.wire.resources import Resource

SEEN_SECONDS = 30.0
AGREED_SECONDS = 180.0
"""An agent compares what is open with Prefect every half minute."""
CLOCK_SECONDS = 5.0


def checks() -> Generator[Check, None, PlatformClient | None]:
    """Checks up to a good token; returns the client that has it."""
    try:
        settings = resolve()
    except PlatformError as error:
        yield Check(name="profile", ok=False, detail=error.message)
        return None
    yield _profile(settings)
    from prefect_platform.client.api import PlatformClient

    client = PlatformClient(settings.url, settings.token, project=settings.project)
    try:
        yield from _ready(client)
        me = client.me()
    except Unavailable as error:
        yield Check(name="platform", ok=False, detail=error.message)
        return None
    except PlatformError as error:
        yield Check(name="token", ok=False, detail=error.message)
        return None
    yield Check(name="token", ok=True, detail=f"{me.subject} in installation {me.installation_id}")
    return client


def _profile(settings: Settings) -> Check:
    path = profile_path()
    if readable_by_others(path):
        return Check(
            name="profile", ok=False, detail=f"others may read the token in {path}: chmod 600 {path}"
        )
    return Check(name="profile", ok=True, detail=f"{settings.url} from {settings.origin}")


def _ready(client: PlatformClient) -> Generator[Check, None, None]:
    readiness = client.ready()
    yield Check(name="platform", ok=True, detail=f"answers at {client.url}")
    yield clock("platform clock", client.transport.time())
    yield from readiness.checks


def clock(name: str, theirs: datetime | None) -> Check:
    """Whether another machine's time is ours; schedules and timelines compare the two."""
    if theirs is None:
        return Check(name=name, ok=True, detail="does not tell its time")
    apart = (theirs - datetime.now(UTC)).total_seconds()
    if abs(apart) > CLOCK_SECONDS:
        text = f"{output.duration(abs(apart))} {'ahead of' if apart > 0 else 'behind'} ours: set both by NTP"
        return Check(name=name, ok=False, detail=text)
    return Check(name=name, ok=True, detail="agrees with ours")


def agents(client: PlatformClient) -> Generator[Check, None, None]:
    """Whether somebody takes runs in the user's project, and what is stuck."""
    from prefect_platform.cli import agent_words
    from prefect_platform.wire.resources import ResourceKind

    try:
        found = client.agents.list(client.project)
        kept = client.resources.list(client.project, ResourceKind.PREFECT_AGENT)
    except PlatformError as error:
        yield Check(name="agent", ok=False, detail=error.message)
        return
    running = [agent for agent in found if agent_words.alive(agent)]
    if not running:
        yield Check(name="agent", ok=False, detail=_nobody(client.project, found))
    for agent in running:
        problems = agent_words.stuck(agent)
        told = "; ".join(problems) or (agent_words.well(agent.report) if agent.report else "seen")
        yield Check(name="agent", ok=not problems, detail=f"{agent.name}: {told}")
    seen = {agent.name: agent for agent in found}
    for one in kept:
        if evidence := stuck(one, seen.get(one.name), datetime.now(UTC)):
            yield Check(name=f"agent {one.name}", ok=False, detail=evidence)


def stuck(resource: Resource, agent: Agent | None, now: datetime) -> str | None:
    """What keeps an agent of the platform from its work, with the evidence; nothing while all is well."""
    state, name = resource.state, resource.name
    if state.target != "running":
        return None
    if state.status in ("waiting", "failed", "queued"):
        return (
            f"is {state.status.value}, after {state.restarts} restarts: "
            f"{state.reason or 'there is no room for it yet'}; see `prefect-platform agent logs {name}`"
        )
    if state.status != "running" or state.started_at is None:
        return None
    seen = agent.last_seen_at if agent else None
    quiet = (now - max(filter(None, (seen, state.started_at)))).total_seconds()
    if quiet > SEEN_SECONDS:
        return f"runs, and has not reported for {output.duration(quiet)}: after a minute it is started again"
    report = agent.report if agent else None
    agreed = report.last_agreed_at if report else None
    if agreed is not None and (now - agreed).total_seconds() > AGREED_SECONDS:
        problem = f": {report.problem}" if report and report.problem else ""
        return f"agreed with Prefect on what is open {output.ago(agreed)} for the last time{problem}"
    return None


def _nobody(project: str, found: Sequence[Agent]) -> str:
    seen = [agent for agent in found if agent.last_seen_at is not None]
    if not seen:
        return f"project {project} has had no agent: nothing takes its runs. `up` runs one"
    newest = max(seen, key=lambda agent: agent.last_seen_at or agent.created_at)
    told = "; ".join(agent_words.stuck(newest))
    return f"{newest.name}: {told}: nothing takes runs. `prefect-platform status` shows whether it runs"
