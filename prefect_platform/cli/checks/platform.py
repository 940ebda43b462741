"""The platform that the profile names: its address, this user's token, what it says of itself, its agents."""

from __future__ import annotations

from collections.abc import Generator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from prefect_platform.cli import output
from prefect_platform.client.profile import profile_path, readable_by_others
from prefect_platform.client.settings import Settings, resolve
from prefect_platform.errors import PlatformError, Unavailable
from prefect_platform.wire.installation import Check

if TYPE_CHECKING:
    from prefect_platform.client.api import PlatformClient

SEEN_SECONDS = 30.0
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


def agents(client: PlatformClient) -> Check:
    """Whether somebody takes runs in the user's project."""
    try:
        found = client.agents.list(client.project)
    except PlatformError as error:
        return Check(name="agent", ok=False, detail=error.message)
    newest = max(
        (a for a in found if a.last_seen_at), key=lambda a: a.last_seen_at or a.created_at, default=None
    )
    if newest is None or newest.last_seen_at is None:
        text = f"project {client.project} has had no agent: nothing takes its runs. `up` runs one"
        return Check(name="agent", ok=False, detail=text)
    seen = f"{newest.name} was seen {output.ago(newest.last_seen_at)}"
    if (datetime.now(UTC) - newest.last_seen_at).total_seconds() > SEEN_SECONDS:
        text = f"{seen}: nothing takes runs. `prefect-platform status` shows whether it runs"
        return Check(name="agent", ok=False, detail=text)
    problem = newest.report.problem if newest.report else None
    return Check(name="agent", ok=problem is None, detail=f"{seen}: {problem}" if problem else seen)
