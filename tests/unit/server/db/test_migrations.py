"""Migrations lead to the tables, on both databases; applied ones never change; newer ones are refused."""

from __future__ import annotations

import asyncio
import hashlib
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from prefect_platform.errors import Conflict
from prefect_platform.server.db import migrate, tables
from prefect_platform.server.db.engine import Database

VERSIONS = Path(migrate.__file__).parent / "migrations" / "versions"
FROZEN = {
    "v0001_the_first_tables.py": "150daa4dc892faf51fe7b460f7f8bc9a97c46c17640b294009501c414734762c",
    "v0002_the_six_promises.py": "110d6fce9e0b2f03c77a707e47395bad9f7adc5e70f390512b3637e3e68ddc0d",
    "v0007_orchestrators.py": "17558c8c9b348f4369945cdbe5d9d2614c36fb7c37aa19d59cbb58a74da333f8",
}
"""SHA-256 of every migration that somebody may have applied."""


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_applied_migrations_do_not_change() -> None:
    found = {path.name: digest(path) for path in VERSIONS.glob("*.py")}
    assert found == FROZEN, "a migration that was released is frozen: write a new one"


@pytest.mark.asyncio
async def test_migrations_are_the_tables(empty_database_url: str) -> None:
    database = Database(empty_database_url)
    await migrate.upgrade(database)

    def differences(connection: Connection) -> list[object]:
        from alembic.autogenerate import compare_metadata
        from alembic.migration import MigrationContext

        return list(compare_metadata(MigrationContext.configure(connection), tables.Base.metadata))

    async with database.reader() as session:
        connection = await session.connection()
        assert await connection.run_sync(migrate.revision) == migrate.HEAD
        assert await connection.run_sync(differences) == []
    await database.aclose()


@pytest.mark.asyncio
async def test_a_missing_table_would_be_seen(database: Database) -> None:
    def differences(connection: Connection) -> list[object]:
        from alembic.autogenerate import compare_metadata
        from alembic.migration import MigrationContext

        return list(compare_metadata(MigrationContext.configure(connection), tables.Base.metadata))

    async with database.session() as session:
        await session.execute(text("DROP TABLE log_gaps"))
        assert await (await session.connection()).run_sync(differences)


def test_head_is_the_last_file() -> None:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(VERSIONS.parent))
    assert ScriptDirectory.from_config(config).get_heads() == [migrate.HEAD]


@pytest.mark.asyncio
async def test_a_newer_database_is_refused_in_words_and_left_alone(database: Database) -> None:
    async with database.session() as session:
        await session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(Conflict, match=r"revision 9999.*newer version wrote it.*another data directory"):
        await migrate.upgrade(database)
    async with database.reader() as session:
        assert await session.scalar(text("SELECT version_num FROM alembic_version")) == "9999"


@pytest.mark.asyncio
async def test_an_older_database_is_migrated(database: Database) -> None:
    async with database.session() as session:
        for table in reversed(tables.Base.metadata.sorted_tables):
            await session.execute(text(f"DROP TABLE {table.name}"))
        await session.execute(text("DELETE FROM alembic_version"))
    await migrate.upgrade(database)
    async with database.reader() as session:
        assert await session.scalar(text("SELECT count(*) FROM runs")) == 0


@pytest.mark.asyncio
async def test_two_servers_that_start_at_once_migrate_once(empty_database_url: str) -> None:
    first, second = Database(empty_database_url), Database(empty_database_url)
    await asyncio.gather(migrate.upgrade(first), migrate.upgrade(second))
    await first.aclose()
    await second.aclose()


def test_a_database_that_is_there_is_answered_without_alembic(sqlite_template: Path) -> None:
    code = (
        "import asyncio, sys\n"
        "from prefect_platform.server.db import migrate\n"
        "from prefect_platform.server.db.engine import Database\n"
        "async def main():\n"
        "    database = Database(sys.argv[1]); await migrate.upgrade(database); await database.aclose()\n"
        "asyncio.run(main())\n"
        "assert 'alembic' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code, f"sqlite+aiosqlite:///{sqlite_template}"], check=True)
