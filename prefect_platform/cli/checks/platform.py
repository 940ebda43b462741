"""The platform that the profile names: its address, this user's token, what it says of itself, its agents."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
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


def agents(client: PlatformClient) -> Iterator[Check]:
    """Whether somebody takes runs in the user's project, and what is wrong with each who does."""
    try:
        found = client.agents.list(client.project)
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


def _nobody(project: str, found: Sequence[Agent]) -> str:
    seen = [agent for agent in found if agent.last_seen_at is not None]
    if not seen:
        return f"project {project} has had no agent: nothing takes its runs. `up` runs one"
    newest = max(seen, key=lambda agent: agent.last_seen_at or agent.created_at)
    told = "; ".join(agent_words.stuck(newest))
    return f"{newest.name}: {told}: nothing takes runs. `prefect-platform status` shows whether it runs"
