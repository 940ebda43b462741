"""Jupyter servers on a whole platform, as their users have them."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import select

from prefect_platform.client.api import PlatformClient
from prefect_platform.errors import NotFound, Unavailable
from prefect_platform.names import new_id
from prefect_platform.server.config import DATABASE_FILE
from prefect_platform.server.db.engine import Database
from prefect_platform.server.db.tables import MemberRow, ProjectRow, UserRow
from prefect_platform.server.services import tokens
from prefect_platform.testing.embedded import Embedded, embedded, until
from prefect_platform.wire.resources import Resource, ResourceKind, ResourceStatus
from prefect_platform.wire.runs import Workload
from prefect_platform.wire.tokens import TokenKind
from tests.jupyter import Jupyter, Opened, token_of

JUPYTER = ResourceKind.JUPYTER_SERVER


@contextmanager
def platform_of_ours(home: Path, environment: Mapping[str, str] | None = None) -> Iterator[Embedded]:
    """A platform whose user has a home of their own."""
    with embedded(home, environment={"HOME": str(home / "user"), **(environment or {})}) as found:
        yield found


def typed(
    platform: Embedded, *words: str, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "prefect_platform", *words],
        env={**platform.environment, **(environment or {})},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def command(platform: Embedded, *words: str) -> str:
    done = typed(platform, *words)
    assert done.returncode == 0, done.stderr
    return done.stdout


def get(client: PlatformClient, name: str) -> Resource:
    return client.resources.get("default", JUPYTER, name)


def ready(client: PlatformClient, name: str) -> Resource:
    def look() -> Resource | None:
        found = get(client, name)
        assert found.state.status is not ResourceStatus.FAILED, found.state.reason
        return found if found.state.started_at else None

    return until(look, 150, f"Jupyter server {name} to be ready")


def ended(client: PlatformClient, name: str) -> Resource:
    def look() -> Resource | None:
        found = get(client, name)
        return found if found.state.status in (ResourceStatus.STOPPED, ResourceStatus.FAILED) else None

    return until(look, 90, f"Jupyter server {name} to end")


def workload_of(client: PlatformClient, one: Resource) -> Workload:
    return client.transport.call("GET", f"/api/v1/workloads/{one.state.workload_id}", Workload)


def jupyter(platform: Embedded, one: Resource) -> Jupyter:
    workload = str(one.state.workload_id)
    with platform.client() as client:
        steps = workload_of(client, one).steps
    address = next(str(step.detail) for step in steps if step.name == "running")
    return Jupyter(address, token_of(platform.data, workload))


def opened(platform: Embedded, name: str) -> Opened:
    """A server as a browser has it that followed its owner's link."""
    return Opened.by(command(platform, "jupyter", "open", "--no-browser", name).split()[-1])


def reaches(client: PlatformClient) -> bool:
    try:
        return client.ready().ready
    except Unavailable:
        return False


def pid_of(platform: Embedded) -> int | None:
    """The process of the platform's server; none while there is no such."""
    part = platform.state["parts"].get("platform")
    return None if part is None else int(part["pid"])


def pid(client: PlatformClient, one: Resource) -> int:
    steps = workload_of(client, one).steps
    return int(next(str(step.detail) for step in steps if step.name == "engine-started").removeprefix("pid "))


def ended_or_gone(client: PlatformClient, name: str) -> None:
    def gone() -> bool:
        try:
            get(client, name)
        except NotFound:
            return True
        return False

    until(gone, 90, f"{name} to be gone")


def another_user(platform: Embedded, name: str) -> str:
    """A token of somebody else, who is a member of the project too."""

    async def made() -> str:
        database, at = Database(f"sqlite+aiosqlite:///{platform.data / DATABASE_FILE}"), datetime.now(UTC)
        async with database.session() as session:
            user = UserRow(id=new_id("us"), name=name, admin=False, created_at=at)
            session.add(user)
            await session.flush()
            project = (await session.scalars(select(ProjectRow.id))).one()
            session.add(MemberRow(project_id=project, user_id=user.id, role="member"))
            _, secret = await tokens.issue_at(session, at, kind=TokenKind.USER, label=name, user_id=user.id)
        await database.aclose()
        return secret

    return asyncio.run(made())
