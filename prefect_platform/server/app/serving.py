"""`serve`: the platform server as a process. One socket, one loop, an end within about a second."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import gc
import logging
import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import uvicorn
from fastapi import FastAPI

from prefect_platform.errors import Conflict
from prefect_platform.server.app.application import create_app
from prefect_platform.server.app.composition import private_directory, private_file
from prefect_platform.server.app.content.upgrade import Upgrade
from prefect_platform.server.config import ServerConfig

GRACE_SECONDS = 1
"""For answers that are being written; open event streams and long polls are cut after that, and both
resume where they were."""
KEEP_ALIVE_SECONDS = 75
BACKLOG = 512

_log = logging.getLogger(__name__)


def serve(config: ServerConfig) -> None:
    """Run until SIGTERM or SIGINT. Runs that are open go on without us.

    Raises:
        Conflict: the port is taken, another server uses the data directory, or the database is of a
            newer version.
    """
    _log_to_stderr()
    with _sole_user(config), listening(config.host, config.port) as sock:
        asyncio.run(_serve(config, sock))


async def _serve(config: ServerConfig, sock: socket.socket) -> None:
    app = create_app(config)
    server = PlatformServer(app)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, server.stop)
    async with app.router.lifespan_context(app):
        gc.freeze()  # what the start left behind is not looked at again; `cli/server.py` turned it off
        gc.enable()
        _log.info("listening url=%s data_dir=%s", config.public_url, config.data_dir)
        await server.serve(sockets=[sock])
        _log.info("stopping")


class PlatformServer(uvicorn.Server):
    """Uvicorn without its own signals and lifespan: both are the caller's, so that errors at the start
    arrive there, and the parts are closed after the last request."""

    def __init__(self, app: FastAPI) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                loop="asyncio",
                lifespan="off",
                http="h11",
                ws=Upgrade,
                log_config=None,
                access_log=False,
                proxy_headers=False,  # who asks is who is connected, not who they say
                server_header=False,
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=GRACE_SECONDS,
            )
        )

    def stop(self) -> None:
        """End soon; said twice, at once."""
        self.force_exit = self.should_exit
        self.should_exit = True

    def capture_signals(self) -> AbstractContextManager[None]:  # type: ignore[override]
        return nullcontext()


@contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """A listening socket; port 0 takes a free one.

    Raises:
        Conflict: the port is taken.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Said to be TCP, or asyncio leaves Nagle's algorithm on and every answer waits 40 ms for its body.
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((host.strip("[]"), port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            raise Conflict(
                f"Port {port} of {host} is taken by another program: set PREFECT_PLATFORM_PORT to another.",
                port=port,
            ) from error
        sock.listen(BACKLOG)
        yield sock


@contextmanager
def _sole_user(config: ServerConfig) -> Iterator[None]:
    """Hold the data directory. The kernel lets go when this process ends, however it ends."""
    private_directory(config.data_dir)
    lock = config.data_dir / "server.lock"
    private_file(lock)
    with lock.open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            raise Conflict(
                f"Another platform server (process {file.read().strip() or '?'}) uses {config.data_dir}: "
                "stop it first, or name another data directory."
            ) from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def _log_to_stderr() -> None:
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
    )
    for noisy in ("alembic", "httpx", "uvicorn.error"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
