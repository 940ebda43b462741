"""A new database, made at once, is the one that all migrations lead to, but for the order of columns."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from sqlalchemy import Connection, Inspector, inspect, text
from sqlalchemy.exc import DBAPIError

from prefect_platform.server.db import migrate
from prefect_platform.server.db.engine import Database

INDEXES = {
    "sqlite": "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL",
    "postgresql": "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
}
"""In the database's own words: conditions, directions and covered columns are in them."""
CHECKED = ("columns", "primary key", "foreign keys", "unique", "checks", "comment")


def schema(connection: Connection) -> dict[str, Any]:
    """Everything in a database that has a name, and what it is."""
    found = inspect(connection)
    sequences = found.get_sequence_names() if connection.dialect.supports_sequences else []
    indexes = {row[0]: row[1] for row in connection.execute(text(INDEXES[connection.dialect.name]))}
    views = found.get_view_names()
    tables = {name: table(found, name) for name in found.get_table_names()}
    return {"tables": tables, "indexes": indexes, "sequences": set(sequences), "views": views}


def table(found: Inspector, name: str) -> dict[str, Any]:
    parts = (
        {one["name"]: {**one, "type": repr(one["type"])} for one in found.get_columns(name)},
        found.get_pk_constraint(name),
        by_columns(found.get_foreign_keys(name)),
        {one["name"]: one["column_names"] for one in found.get_unique_constraints(name)},
        {one["name"]: one["sqltext"] for one in found.get_check_constraints(name)},
        found.get_table_comment(name) if found.dialect.supports_comments else None,
    )
    return dict(zip(CHECKED, parts, strict=True))


def by_columns(keys: list[Any]) -> dict[tuple[str, ...], dict[str, Any]]:
    return {tuple(key["constrained_columns"]): dict(key) for key in keys}


def unnamed(theirs: dict[str, Any], ours: dict[str, Any]) -> list[str]:
    """Foreign keys without a name in `theirs`; their names are taken off in `ours`.

    Where a migration adds a column together with its key, SQLite takes no name for it.
    """
    found = []
    for name, one in theirs["tables"].items():
        for columns, key in one["foreign keys"].items():
            if key["name"] is None:
                ours["tables"][name]["foreign keys"][columns]["name"] = None
                found.append(f"{name}.{','.join(columns)}")
    return sorted(found)


def migrated(connection: Connection) -> dict[str, Any]:
    """The schema after every migration, one by one."""
    command.upgrade(migrate.configuration(connection), "head")
    return schema(connection)


@pytest.mark.asyncio
async def test_it_is_what_the_migrations_lead_to(empty_database_url: str) -> None:
    database = Database(empty_database_url)
    async with database.engine.connect() as connection:
        transaction = await connection.begin()
        theirs = await connection.run_sync(migrated)
        await transaction.rollback()
        assert not (await connection.run_sync(schema))["tables"]
    await migrate.upgrade(database)
    async with database.engine.connect() as connection:
        ours = await connection.run_sync(schema)
        assert await connection.run_sync(migrate.revision) == migrate.HEAD
    await database.aclose()
    left_out = unnamed(theirs, ours)
    assert left_out == (["workloads.cluster_id", "workloads.resource_id"] if database.is_sqlite else [])
    assert ours == theirs


@pytest.mark.asyncio
async def test_a_database_of_something_else_is_left_alone(empty_database_url: str) -> None:
    """Nothing is added to it, and nothing that happens to have one of our names is taken for ours."""
    database = Database(empty_database_url)
    async with database.session() as session:
        await session.execute(text("CREATE TABLE runs (distance INTEGER)"))
    with pytest.raises(DBAPIError, match="runs"):
        await migrate.upgrade(database)
    async with database.engine.connect() as connection:
        assert list((await connection.run_sync(schema))["tables"]) == ["runs"]
    await database.aclose()


def test_it_is_made_and_found_again_without_alembic(tmp_path: Path) -> None:
    code = (
        "import asyncio, sys\n"
        "from prefect_platform.server.db import migrate\n"
        "from prefect_platform.server.db.engine import Database\n"
        "async def main():\n"
        "    database = Database(sys.argv[1]); await migrate.upgrade(database); await database.aclose()\n"
        "asyncio.run(main())\n"
        "asyncio.run(main())\n"
        "assert 'alembic' not in sys.modules\n"
    )
    url = f"sqlite+aiosqlite:///{tmp_path / 'platform.db'}"
    subprocess.run([sys.executable, "-c", code, url], check=True)
