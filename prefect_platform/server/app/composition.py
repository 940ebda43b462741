"""From a configuration to running parts, and back: what the server opens it closes, in reverse."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from fastapi import FastAPI

from prefect_platform.backends.base import Backend
from prefect_platform.errors import UsageError
from prefect_platform.names import nearest
from prefect_platform.server.app.housekeeping import housekeeping
from prefect_platform.server.config import ServerConfig
from prefect_platform.server.controller.controller import Controller
from prefect_platform.server.db import migrate
from prefect_platform.server.db.engine import Database
from prefect_platform.server.services import idempotency, installation
from prefect_platform.server.services.clock import Clock, SystemClock
from prefect_platform.server.services.orchestrator import Orchestrator
from prefect_platform.server.services.orchestrator_prefect import PrefectOrchestrator
from prefect_platform.server.services.parts import Parts
from prefect_platform.server.stores.blobs import BlobStore
from prefect_platform.server.stores.file_blobs import FileBlobs
from prefect_platform.server.stores.file_logs.store import FileLogs
from prefect_platform.server.stores.logs import LogStore

BACKENDS = ("local", "memory")


@dataclass(frozen=True)
class Given:
    """Parts that the caller of `create_app` brought."""

    database: Database | None
    blobs: BlobStore | None
    logs: LogStore | None
    backend: Backend | None
    orchestrator: Orchestrator | None
    clock: Clock | None


@asynccontextmanager
async def lifespan(app: FastAPI, config: ServerConfig, given: Given) -> AsyncIterator[None]:
    """Migrate, make what every installation has, and run the controller for as long as the server runs."""
    private_directory(config.data_dir)
    async with AsyncExitStack() as opened:
        parts = await _parts(config, given, opened)
        app.state.parts = parts
        controller = Controller(parts, given.backend or _backend(config))
        opened.push_async_callback(controller.stop)
        await controller.start()
        await opened.enter_async_context(housekeeping(parts))
        yield


async def _parts(config: ServerConfig, given: Given, opened: AsyncExitStack) -> Parts:
    clock = given.clock or SystemClock()
    database = given.database
    if database is None:
        database = Database(config.database)
        opened.push_async_callback(database.aclose)
    await migrate.upgrade(database)
    orchestrator = given.orchestrator
    if orchestrator is None:
        orchestrator = PrefectOrchestrator(config.orchestrator)
        opened.push_async_callback(orchestrator.aclose)
    parts = Parts(
        config=config,
        installation_id=await installation.prepare(config, database, clock),
        database=database,
        blobs=given.blobs or FileBlobs(config.data_dir / "bundles"),
        logs=given.logs or FileLogs(config.data_dir / "logs"),
        orchestrator=orchestrator,
        clock=clock,
    )
    if database.is_sqlite:
        await idempotency.forget_interrupted(parts)
    return parts


def private_directory(path: Path) -> None:
    """The data directory, readable by nobody else: it holds tokens, code and logs."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.chmod(0o700)


def _backend(config: ServerConfig) -> Backend:
    if config.backend == "local":
        from prefect_platform.backends.local import LocalBackend  # psutil comes with it

        return LocalBackend(config.data_dir / "workloads")
    if config.backend == "memory":
        from prefect_platform.backends.memory import MemoryBackend

        return MemoryBackend()
    raise UsageError(
        f"PREFECT_PLATFORM_BACKEND is {config.backend!r}: there are {', '.join(BACKENDS)}."
        f"{nearest(config.backend, BACKENDS)}"
    )
