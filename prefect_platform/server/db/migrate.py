"""Bring a database to the tables of this version, or say in words why that cannot be.

An empty database gets the tables at once, as the migrations would have left them; a test compares the two.
Alembic is loaded only where there is something to migrate: at the first start of a newer version.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import (
    Column,
    Connection,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    insert,
    inspect,
    text,
)

from prefect_platform.errors import Conflict
from prefect_platform.server.db.engine import Database
from prefect_platform.server.db.tables import Base

if TYPE_CHECKING:
    from alembic.config import Config

HEAD = "0014"
"""The last migration's revision; a test compares it with the files."""

_REVISION = Table(
    "alembic_version",
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)
"""As Alembic makes it."""

_LOCK = 0x70705F6D69677261
"""PostgreSQL advisory lock: two servers that start at once migrate one after the other."""


async def upgrade(database: Database) -> None:
    """Bring the database to `HEAD`. A no-op when it is there.

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
    if not inspect(connection).has_table(_REVISION.name):
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
    if not inspect(connection).get_table_names():
        _make(connection)
    elif revision(connection) != HEAD:  # another server may have been faster
        _migrate(connection)


def _make(connection: Connection) -> None:
    """All tables in an empty database."""
    for metadata in (Base.metadata, _REVISION.metadata):
        metadata.create_all(connection, checkfirst=False)
    connection.execute(insert(_REVISION).values(version_num=HEAD))


def _migrate(connection: Connection) -> None:
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
