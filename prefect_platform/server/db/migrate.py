"""Bring a database to the tables of this version, or say in words why that cannot be.

A database that is there already is answered without loading Alembic: that is every start but the first.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, text

from prefect_platform.errors import Conflict
from prefect_platform.server.db.engine import Database

if TYPE_CHECKING:
    from alembic.config import Config

HEAD = "0012"
"""The last migration's revision; a test compares it with the files."""

_LOCK = 0x70705F6D69677261
"""PostgreSQL advisory lock: two servers that start at once migrate one after the other."""


async def upgrade(database: Database) -> None:
    """Migrate to `HEAD`. A no-op when the database is there.

    Raises:
        Conflict: the database was written by a newer version.
    """
    async with database.reader() as session:
        if await (await session.connection()).run_sync(revision) == HEAD:
            return
    async with database.session() as session:
        if not database.is_sqlite:
            await session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        await (await session.connection()).run_sync(_upgrade)


def revision(connection: Connection) -> str | None:
    """The revision that a database is at; None if it is empty."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return found


def configuration(connection: Connection) -> Config:
    """Alembic's settings, made here rather than read from a file."""
    from alembic.config import Config  # heavy, and needed only when there is something to migrate

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _upgrade(connection: Connection) -> None:
    from alembic import command

    config = configuration(connection)
    _refuse_newer(config, connection)
    command.upgrade(config, "head")


def _refuse_newer(config: Config, connection: Connection) -> None:
    from alembic.script import ScriptDirectory

    at = revision(connection)
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if at is not None and at not in known:
        where = connection.engine.url.render_as_string(hide_password=True)
        raise Conflict(
            f"The database {where} is at revision {at}, which this version does not know (it knows up to "
            f"{HEAD}): a newer version wrote it. Install that version or a later one, or use another data "
            "directory.",
            revision=at,
            known=HEAD,
        )
