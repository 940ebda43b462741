"""A platform server for tests: a real one, on a free loopback port, in a thread of this process."""

from __future__ import annotations

import asyncio
import json
import tempfile
import threading
from collections.abc import Coroutine, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar, cast

from fastapi import FastAPI

from prefect_platform.backends.base import Backend
from prefect_platform.backends.memory import MemoryBackend
from prefect_platform.server.app.application import create_app
from prefect_platform.server.app.serving import PlatformServer, listening
from prefect_platform.server.config import ServerConfig
from prefect_platform.server.services.clock import Clock
from prefect_platform.server.services.orchestrator import Orchestrator
from prefect_platform.server.services.orchestrator_memory import MemoryOrchestrator
from prefect_platform.server.services.parts import Parts
from prefect_platform.server.stores.blobs import BlobStore
from prefect_platform.server.stores.file_keyring import FileKeyring
from prefect_platform.server.stores.logs import LogStore

Result = TypeVar("Result")

START_SECONDS = 30.0


@dataclass
class LiveServer:
    """A running platform. `token` is its administrator's."""

    url: str
    token: str = field(repr=False)
    config: ServerConfig
    app: FastAPI = field(repr=False)
    _loop: asyncio.AbstractEventLoop = field(repr=False)

    @property
    def parts(self) -> Parts:
        return cast(Parts, self.app.state.parts)

    @property
    def headers(self) -> dict[str, str]:
        """Those of a request by the administrator."""
        return {"Authorization": f"Bearer {self.token}"}

    def call(self, work: Coroutine[Any, Any, Result], timeout: float = 30.0) -> Result:
        """Run a coroutine on the server's own loop: services and the database live there."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout)


class _Thread(threading.Thread):
    """The server's thread: the loop, the lifespan and the server, from start to stop."""

    def __init__(self, app: FastAPI, sock: Any) -> None:
        super().__init__(name="live-server", daemon=True)
        self.app, self.sock = app, sock
        self.ready = threading.Event()
        self.failure: BaseException | None = None
        self.server = PlatformServer(app)
        self.loop: asyncio.AbstractEventLoop | None = None

    def run(self) -> None:
        try:
            asyncio.run(self._run())
        except BaseException as error:  # noqa: BLE001 - raised again by the thread that waits
            self.failure = error
        finally:
            self.ready.set()

    async def _run(self) -> None:
        self.loop = asyncio.get_running_loop()
        async with self.app.router.lifespan_context(self.app):
            self.ready.set()
            await self.server.serve(sockets=[self.sock])

    def stop(self) -> None:
        self.server.stop()
        self.join(START_SECONDS)
        if self.failure is not None:
            raise self.failure


@contextmanager
def live_server(
    data_dir: Path | None = None,
    *,
    config: ServerConfig | None = None,
    port: int = 0,
    database_url: str = "",
    blobs: BlobStore | None = None,
    logs: LogStore | None = None,
    backend: Backend | None = None,
    orchestrator: Orchestrator | None = None,
    clock: Clock | None = None,
) -> Iterator[LiveServer]:
    """Run a platform server while the block runs.

    By default: a data directory that is removed afterwards, SQLite, the memory backend and an orchestrator
    in memory. `config` gives all other settings; its directory and port are replaced. Pass `data_dir` (and
    `port`) again to start a second server where a first one stopped.
    """
    with ExitStack() as stack:
        if data_dir is None:
            data_dir = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="prefect-platform-")))
        sock = stack.enter_context(listening("127.0.0.1", port))
        settings = replace(
            config or ServerConfig(data_dir=data_dir, backend="memory"),
            data_dir=data_dir,
            port=sock.getsockname()[1],
        )
        if database_url:
            keyring = settings.keyring or FileKeyring.make(data_dir / "keyring").path
            settings = replace(settings, database_url=database_url, keyring=keyring)
        app = create_app(
            settings,
            blobs=blobs,
            logs=logs,
            backend=backend or (MemoryBackend() if settings.backend == "memory" else None),
            orchestrator=orchestrator or MemoryOrchestrator(),
            clock=clock,
        )
        yield stack.enter_context(_running(app, settings, sock))


@contextmanager
def _running(app: FastAPI, config: ServerConfig, sock: Any) -> Iterator[LiveServer]:
    thread = _Thread(app, sock)
    thread.start()
    if not thread.ready.wait(START_SECONDS):
        raise TimeoutError(f"The live server was not ready after {START_SECONDS} s.")
    if thread.failure is not None:
        raise thread.failure
    assert thread.loop is not None
    bootstrap = json.loads((config.data_dir / "bootstrap.json").read_text(encoding="utf-8"))
    try:
        yield LiveServer(config.public_url, bootstrap["token"], config, app, thread.loop)
    finally:
        thread.stop()
