"""Migrations lead to the tables, on both databases; applied ones never change; newer ones are refused."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, select, text

from prefect_platform.errors import Conflict
from prefect_platform.server.db import migrate, tables
from prefect_platform.server.db.engine import Database
from prefect_platform.server.db.tables import AgentRow, AttemptRow, WorkloadRow

VERSIONS = Path(migrate.__file__).parent / "migrations" / "versions"
FROZEN = {
    "v0001_the_first_tables.py": "150daa4dc892faf51fe7b460f7f8bc9a97c46c17640b294009501c414734762c",
    "v0002_the_six_promises.py": "110d6fce9e0b2f03c77a707e47395bad9f7adc5e70f390512b3637e3e68ddc0d",
    "v0003_resources.py": "3ac2a2528ce877a09252bfad967dbfd9b70fd870433928f95ed20ad6d16f6897",
    "v0004_deleting.py": "5a8f1235129e9722124b0db3586be3d7346b3f6ec507305fafad13bf63f636c0",
    "v0005_usage.py": "afcd8f5985fa8b3955f0a4ac16bcec840f23b3773d43d92bd5bf40b610a35b4b",
    "v0006_notifications.py": "b67f614a56f6c8228e5256914863c093fef89367c1b7e2905d4e9a053c5284c6",
    "v0007_orchestrators.py": "a2fb17ec62455738714a5ccd2c7d926292bda5c0fcd679d6b2de8a3b4b752b62",
    "v0008_content.py": "a8a257248b545d9bac7cce18c101389f2f9ee4adc8b9a7ffe76e13e452aa61f4",
    "v0011_jupyter.py": "59ccf1bac9df6bb5edec88d4c50422ba1544a0ecc870cb2463433a7d2981a266",
    "v0012_orchestrators_of_attempts.py": "f8a29f3146240595d9a3ccbce0f1530c33d5665f9d178dfed826f7703e1499b8",
    "v0013_clusters.py": "ebb1372957d0c470794fd7fbaf6cc1ad619bfc0a1beb630e6d2d893e9004b931",
    "v0014_found_environments.py": "c243b7152b8d9f7333519df9959def43e7e42bef0816a535b0768ac2d3f81d0a",
}
"""SHA-256 of every migration that somebody may have applied."""


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_applied_migrations_do_not_change() -> None:
    found = {path.name: digest(path) for path in VERSIONS.glob("*.py")}
    assert found == FROZEN, "a migration that was released is frozen: write a new one"


@pytest.mark.asyncio
async def test_migrations_are_the_tables(empty_database_url: str) -> None:
    from alembic import command

    database = Database(empty_database_url)
    async with database.session() as session:
        connection = await session.connection()
        await connection.run_sync(lambda one: command.upgrade(migrate.configuration(one), "head"))

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


@pytest.mark.asyncio
async def test_workloads_of_before_know_since_when_they_had_their_room_and_whose_they_are(
    empty_database_url: str,
) -> None:
    """From their timelines: one that never had any, or whose start found none after all, has none."""
    from alembic import command

    database = Database(empty_database_url)
    async with database.session() as session:
        connection = await session.connection()
        await connection.run_sync(lambda one: command.upgrade(migrate.configuration(one), "0002"))
        for statement in old_rows():
            await session.execute(text(statement))
    await migrate.upgrade(database)
    async with database.reader() as session:
        found = await session.execute(
            select(
                WorkloadRow.id, WorkloadRow.admitted_at, WorkloadRow.flow_id, WorkloadRow.started_by
            ).order_by(WorkloadRow.id)
        )
        second = datetime(2026, 1, 1, 0, 0, 2, tzinfo=UTC)
        assert [tuple(row) for row in found] == [
            ("wl-again", second + timedelta(seconds=2), "fl", "ana"),
            ("wl-once", second, None, None),
            ("wl-returned", None, None, None),
            ("wl-waits", None, None, None),
        ]
    await database.aclose()


@pytest.mark.asyncio
async def test_what_an_agent_took_from_its_own_prefect_stays_there(empty_database_url: str) -> None:
    """Before, the spec of the agent said where a run stands."""
    from alembic import command

    database = Database(empty_database_url)
    async with database.session() as session:
        connection = await session.connection()
        await connection.run_sync(lambda one: command.upgrade(migrate.configuration(one), "0011"))
        for statement in old_agents():
            await session.execute(text(statement))
    await migrate.upgrade(database)
    expected = {"far": ("https://far/api", "key"), "near": (None, None), "by-hand": (None, None)}
    async with database.reader() as session:
        for table in (AgentRow, AttemptRow):
            key = AgentRow.id if table is AgentRow else AttemptRow.agent_id
            found = await session.execute(select(key, table.orchestrator_url, table.orchestrator_secret))
            assert {row[0]: tuple(row[1:]) for row in found} == expected
    await database.aclose()


def old_agents() -> Iterator[str]:
    """As revision 0011 has them: each with one attempt."""
    yield from old_rows(attempts=False)
    at = "2026-01-01 00:00:00.000000"
    specs = {"far": '{"prefect_api_url": "https://far/api", "prefect_secret": "key"}', "near": "{}"}
    for number, name in enumerate(["far", "near", "by-hand"]):
        yield insert("agents", id=name, project_id="pr", name=name, created_at=at)
        if name in specs:
            yield insert(
                "resources", id=name, project_id="pr", kind="prefect-agent", name=name, owner_id="us",
                spec=specs[name], spec_digest="d", target="running", restarts=0, failures=0, restart=False,
                created_at=at, updated_at=at,
            )  # fmt: skip
        workload = list(MOVES)[number]
        attempt = {"id": name, "project_id": "pr", "run_id": "ru", "version_id": "fv", "agent_id": name}
        yield insert("attempts", **attempt, workload_id=workload, number=number, pending_state_id=name)


MOVES = {
    "wl-once": "queued provisioning starting running succeeded",
    "wl-again": "queued provisioning queued provisioning starting",
    "wl-returned": "queued provisioning queued cancelled",
    "wl-waits": "queued",
}


def insert(table: str, **values: object) -> str:
    return f"INSERT INTO {table} ({', '.join(values)}) VALUES ({', '.join(map(repr, values.values()))})"


def old_rows(*, attempts: bool = True) -> Iterator[str]:
    """As revision 0002 has them."""
    at = "2026-01-01 00:00:0{}.000000".format
    yield insert("projects", id="pr", name="default", orchestrator_url="http://x", created_at=at(0))
    yield insert("users", id="us", name="ana", admin=True, created_at=at(0))
    flow = {"id": "fl", "project_id": "pr", "identity": "i", "name": "etl", "owner_id": "us"}
    yield insert("flows", **flow, created_at=at(0), updated_at=at(0))
    version = {
        "id": "fv",
        "flow_id": "fl",
        "project_id": "pr",
        "number": 1,
        "fingerprint": "f",
        "status": "ready",
    }
    yield insert(
        "flow_versions",
        **version,
        code_digest="c",
        code="{}",
        settings="{}",
        created_by="us",
        created_at=at(0),
    )
    run = {"id": "ru", "project_id": "pr", "flow_id": "fl", "version_id": "fv", "name": "otter"}
    yield insert("runs", **run, started_by="ana", attempts=1, created_at=at(0))
    for name, moves in MOVES.items():
        amounts = {
            "cores": 1,
            "memory_bytes": 1,
            "grace_seconds": 1,
            "priority": 0,
            "handle": "{}",
            "steps": "[]",
        }
        kind = {"kind": "run-attempt", "project_id": "pr", "target": "running", "status": moves.split()[-1]}
        yield insert("workloads", id=name, **kind, **amounts, created_at=at(1))
        for second, status in enumerate(moves.split(), 1):
            yield insert("transitions", workload_id=name, status=status, at=at(second), actor="x")
    if not attempts:
        return
    attempt = {"id": "at", "project_id": "pr", "run_id": "ru", "workload_id": "wl-again", "version_id": "fv"}
    yield insert("attempts", **attempt, number=1, pending_state_id="p")
