"""What many tests need: a database of each kind at the newest revision, parts, and a real Prefect."""

from __future__ import annotations

import asyncio
import os
import shutil
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from prefect_platform.server.config import ServerConfig
from prefect_platform.server.db import migrate
from prefect_platform.server.db.engine import Database
from prefect_platform.server.services import installation
from prefect_platform.server.services.orchestrator_memory import MemoryOrchestrator
from prefect_platform.server.services.parts import Parts
from prefect_platform.server.stores.memory_blobs import MemoryBlobs
from prefect_platform.server.stores.memory_keyring import MemoryKeyring
from prefect_platform.server.stores.memory_logs import MemoryLogs
from prefect_platform.testing.manual_clock import ManualClock
from prefect_platform.testing.postgres import Cluster, find_postgres, postgres_cluster
from prefect_platform.testing.prefect_server import shared_prefect_server

TEMPLATE = "platform_template"
DATABASES = ["sqlite", "postgresql"]


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Cluster]:
    """A PostgreSQL server of this process, with a template database at the newest revision."""
    programs = find_postgres()
    if programs is None:
        reason = (
            "PostgreSQL's server programs are not installed: no initdb on the path or in /usr/lib/postgresql"
        )
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    with postgres_cluster(programs) as cluster:
        cluster.execute(f"CREATE DATABASE {TEMPLATE}")
        asyncio.run(_migrated(cluster.url(TEMPLATE)))
        yield cluster


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file at the newest revision, to be copied."""
    path = tmp_path_factory.mktemp("template") / "platform.db"
    asyncio.run(_migrated(f"sqlite+aiosqlite:///{path}"))
    return path


async def _migrated(url: str) -> None:
    database = Database(url)
    await migrate.upgrade(database)
    await database.aclose()


@pytest.fixture(params=DATABASES)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database at the newest revision, empty of rows; each test runs on both kinds."""
    if request.param == "sqlite":
        path = tmp_path / "platform.db"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        yield f"sqlite+aiosqlite:///{path}"
    else:
        yield from _postgres_database(request.getfixturevalue("postgres_server"), f"TEMPLATE {TEMPLATE}")


@pytest.fixture
def postgres_url(postgres_server: Cluster) -> Iterator[str]:
    """A PostgreSQL database at the newest revision, for what SQLite cannot show."""
    yield from _postgres_database(postgres_server, f"TEMPLATE {TEMPLATE}")


@pytest.fixture(params=DATABASES)
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database without tables."""
    if request.param == "sqlite":
        yield f"sqlite+aiosqlite:///{tmp_path / 'platform.db'}"
    else:
        yield from _postgres_database(request.getfixturevalue("postgres_server"), "")


def _postgres_database(cluster: Cluster, made_from: str) -> Iterator[str]:
    name = f"t{uuid.uuid4().hex}"
    cluster.execute(f"CREATE DATABASE {name} {made_from}")
    yield cluster.url(name)
    cluster.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest_asyncio.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    found = Database(database_url)
    yield found
    await found.aclose()


@pytest_asyncio.fixture
async def parts(database: Database, tmp_path: Path) -> Parts:
    """An installation on each database, everything else in memory, and time that stands still."""
    config = ServerConfig(data_dir=tmp_path, backend="memory")
    clock = ManualClock()
    return Parts(
        config=config,
        installation_id=await installation.prepare(config, database, clock),
        database=database,
        blobs=MemoryBlobs(),
        results=MemoryBlobs(),
        logs=MemoryLogs(),
        orchestrator=MemoryOrchestrator(),
        clock=clock,
        keyring=MemoryKeyring(),
    )


PREFECT_AUTH = "ana:open-sesame-4711"


@pytest.fixture(scope="session")
def locked_prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The same with authentication on: it wants `PREFECT_AUTH`."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    with shared_prefect_server(shared / "locked-prefect-server", PREFECT_AUTH) as url:
        yield url


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The API URL of a real Prefect server, shared by all processes of the session."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    with shared_prefect_server(shared / "prefect-server") as url:
        yield url
