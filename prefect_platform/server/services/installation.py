"""The installation: its id, its first user and project, and the file that hands the first token over.

The first start makes all of it. Later starts check that the handed-over token still opens the door,
and that the projects without a Prefect of their own talk to the one that the settings name.
"""

from __future__ import annotations

import json
import os
import pwd
import secrets
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from prefect_platform._version import __version__
from prefect_platform.errors import PlatformError
from prefect_platform.names import DEFAULT_PROJECT, new_id, work_pool_name
from prefect_platform.server.config import ServerConfig
from prefect_platform.server.db.engine import Database
from prefect_platform.server.db.tables import InstallationRow, MemberRow, ProjectRow, TokenRow, UserRow
from prefect_platform.server.services import tokens
from prefect_platform.server.services.clock import Clock
from prefect_platform.server.services.parts import Parts
from prefect_platform.wire.gpus import listed
from prefect_platform.wire.installation import Check, Installation, Readiness
from prefect_platform.wire.projects import Role
from prefect_platform.wire.tokens import TokenKind

BOOTSTRAP = "bootstrap.json"

_LOCK = 0x70705F626F6F7473
"""PostgreSQL advisory lock: two servers that start at once make one installation."""


@dataclass(frozen=True)
class Owner:
    """The first user and the secret of their token, if one was made now."""

    installation_id: str
    user: str
    secret: str | None


async def prepare(config: ServerConfig, database: Database, clock: Clock) -> str:
    """Make what every installation has, once, and return its id.

    Writes `bootstrap.json` (mode 0600) with the administrator's token. If that file is lost, or its
    token has ended, a new token is made: whoever can read the data directory owns the platform.
    """
    known = _bootstrap(config.data_dir)
    async with database.session() as session:
        if not database.is_sqlite:
            await session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        owner = await _owner(session, config, clock, str(known.get("token", "")))
    token = owner.secret or known["token"]
    content = {"url": config.public_url, "user": owner.user, "token": token, "project": DEFAULT_PROJECT}
    if content != known:
        _write(config.data_dir / BOOTSTRAP, content)
    return owner.installation_id


async def _owner(session: AsyncSession, config: ServerConfig, clock: Clock, secret: str) -> Owner:
    installation = await session.scalar(select(InstallationRow).order_by(InstallationRow.created_at))
    if installation is None:
        installation = InstallationRow(id=secrets.token_hex(5), created_at=clock.now())
        session.add(installation)
        await _first_project(session, config, clock)
    following = update(ProjectRow).where(ProjectRow.orchestrator_own.is_(False))
    await session.execute(following.values(orchestrator_url=config.orchestrator.url))
    admin = (
        await session.scalars(select(UserRow).where(UserRow.admin).order_by(UserRow.created_at, UserRow.id))
    ).first()
    if admin is None:
        raise PlatformError("The database holds an installation without an administrator: restore a backup.")
    if await _opens(session, clock, secret):
        return Owner(installation.id, admin.name, None)
    _, made = await tokens.issue_at(
        session, clock.now(), kind=TokenKind.USER, label="made at the first start", user_id=admin.id
    )
    return Owner(installation.id, admin.name, made)


async def _first_project(session: AsyncSession, config: ServerConfig, clock: Clock) -> None:
    user = UserRow(id=new_id("us"), name=_account(), admin=True, created_at=clock.now())
    project = ProjectRow(
        id=new_id("pr"),
        name=DEFAULT_PROJECT,
        orchestrator_url=config.orchestrator.url,
        created_at=clock.now(),
    )
    session.add_all([user, project])
    await session.flush()
    session.add(MemberRow(project_id=project.id, user_id=user.id, role=Role.OWNER.value))


async def _opens(session: AsyncSession, clock: Clock, secret: str) -> bool:
    row = await session.scalar(select(TokenRow).where(TokenRow.hash == tokens.digest(secret)))
    return (
        row is not None
        and row.revoked_at is None
        and (row.expires_at is None or row.expires_at > clock.now())
    )


def _account() -> str:
    """The name of the account that runs the server: on a laptop that is its user."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container may run under a number that has no name
        return "admin"


def _bootstrap(data_dir: Path) -> dict[str, str]:
    try:
        found = json.loads((data_dir / BOOTSTRAP).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):  # absent, or cut off by a crash: it is written anew
        return {}
    return found if isinstance(found, dict) else {}


def _write(path: Path, content: dict[str, str]) -> None:
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with os.fdopen(
        os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8"
    ) as file:
        json.dump(content, file, indent=1)
    fresh.replace(path)


def shown(parts: Parts) -> Installation:
    """Who this platform is."""
    return Installation(
        id=parts.installation_id,
        version=__version__,
        work_pool=work_pool_name(parts.installation_id),
        backend=parts.config.backend,
    )


async def readiness(parts: Parts) -> Readiness:
    """Whether the platform can do its work now, thing by thing. Prefect being away is told, but the
    platform itself is ready without it: runs go on, and logs are taken."""
    checks = [await _database(parts), await _orchestrator(parts), *_gpus(parts)]
    return Readiness(ready=checks[0].ok, checks=checks)


async def _database(parts: Parts) -> Check:
    try:
        async with parts.database.reader() as session:
            await session.execute(text("SELECT 1"))
    except Exception as error:  # noqa: BLE001 - whatever the driver raises is the answer
        return Check(name="database", ok=False, detail=f"does not answer: {type(error).__name__}")
    return Check(name="database", ok=True, detail="SQLite" if parts.database.is_sqlite else "PostgreSQL")


def _gpus(parts: Parts) -> list[Check]:
    """Nothing on a machine without any."""
    machine = parts.machine
    told = [text for text in (listed(machine.gpus) if machine.gpus else "", machine.gpu_problem) if text]
    sound = bool(machine.gpus) or machine.gpu_problem is None
    return [Check(name="gpus", ok=sound, detail="; ".join(told))] if told else []


async def _orchestrator(parts: Parts) -> Check:
    try:
        version = await parts.orchestrator.check()
    except PlatformError as error:
        return Check(name="prefect", ok=False, detail=error.message)
    return Check(name="prefect", ok=True, detail=f"{version} at {parts.config.orchestrator.url}")
