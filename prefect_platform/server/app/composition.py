"""From a configuration to running parts, and back: what the server opens it closes, in reverse."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from fastapi import FastAPI

from prefect_platform.backends.base import Backend
from prefect_platform.errors import UsageError
from prefect_platform.names import nearest
from prefect_platform.server.app.housekeeping import housekeeping
from prefect_platform.server.app.notifier import notifier
from prefect_platform.server.config import DATABASE_FILE, RESULTS_DIRECTORY, ServerConfig
from prefect_platform.server.controller.controller import Controller
from prefect_platform.server.db import migrate
from prefect_platform.server.db.engine import Database
from prefect_platform.server.services import (
    catalogue,
    cluster_opening,
    idempotency,
    installation,
    keyrings,
    opening,
    secret_grants,
)
from prefect_platform.server.services.clock import Clock, SystemClock
from prefect_platform.server.services.orchestrator import Orchestrator
from prefect_platform.server.services.orchestrator_prefect import PrefectOrchestrator
from prefect_platform.server.services.parts import Parts
from prefect_platform.server.stores.blobs import BlobStore
from prefect_platform.server.stores.file_blobs import FileBlobs
from prefect_platform.server.stores.file_logs.store import FileLogs
from prefect_platform.server.stores.keyring import Keyring
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
    keyring: Keyring | None = None


@asynccontextmanager
async def lifespan(app: FastAPI, config: ServerConfig, given: Given) -> AsyncIterator[None]:
    """Migrate, make what every installation has, and run the controller for as long as the server runs."""
    private_directory(config.data_dir)
    async with AsyncExitStack() as opened:
        parts = await _parts(config, given, opened)
        app.state.parts = parts
        controller = Controller(parts, given.backend or _backend(config, opened))
        opened.push_async_callback(controller.stop)
        await controller.start()
        await opened.enter_async_context(housekeeping(parts))
        await opened.enter_async_context(notifier(parts))
        yield


async def _parts(config: ServerConfig, given: Given, opened: AsyncExitStack) -> Parts:
    clock = given.clock or SystemClock()
    sizes = catalogue.load(config.sizes_file)  # a bad one is refused before anything is opened
    database = given.database
    if database is None:
        if not config.database_url:
            private_file(config.data_dir / DATABASE_FILE)
        database = Database(config.database)
        opened.push_async_callback(database.aclose)
    await migrate.upgrade(database)
    keyring = given.keyring or await keyrings.opened(config, database)
    await keyrings.check(database, keyring)
    orchestrator = given.orchestrator
    if orchestrator is None:
        orchestrator = PrefectOrchestrator(config.orchestrator)
        opened.push_async_callback(orchestrator.aclose)
    parts = Parts(
        config=config,
        installation_id=await installation.prepare(config, database, clock),
        database=database,
        blobs=given.blobs or FileBlobs(config.data_dir / "bundles"),
        results=FileBlobs(config.data_dir / RESULTS_DIRECTORY),
        logs=given.logs or FileLogs(config.data_dir / "logs"),
        orchestrator=orchestrator,
        clock=clock,
        keyring=keyring,
        catalogue=sizes,
    )
    opened.push_async_callback(parts.orchestrators.aclose)
    parts.log_masks.read = partial(secret_grants.given, parts)
    opening.serve(parts)
    cluster_opening.serve(parts)
    if database.is_sqlite:
        await idempotency.forget_interrupted(parts)
    return parts


def private_directory(path: Path) -> None:
    """The data directory, readable by nobody else: it holds tokens, code and logs.

    Below a project folder it is no part of the project, for git as for `register`.
    """
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.chmod(0o700)
    if not (path / ".gitignore").exists():
        private_file(path / ".gitignore")
        (path / ".gitignore").write_text("*\n")


def private_file(path: Path) -> None:
    """See that there is such a file, and that nobody else can read it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.fchmod(descriptor, 0o600)
    finally:
        os.close(descriptor)


def _backend(config: ServerConfig, opened: AsyncExitStack) -> Backend:
    if config.backend == "local":
        from prefect_platform.backends.local import LocalBackend  # only what is used is loaded

        backend = LocalBackend(config.data_dir / "workloads")
        opened.push_async_callback(backend.close)
        return backend
    if config.backend == "memory":
        from prefect_platform.backends.memory import MemoryBackend

        return MemoryBackend()
    raise UsageError(
        f"PREFECT_PLATFORM_BACKEND is {config.backend!r}: there are {', '.join(BACKENDS)}."
        f"{nearest(config.backend, BACKENDS)}"
    )
