"""`PlatformResults`: the Prefect storage that keeps results on the platform, loaded wherever Prefect is.

Prefect imports this module when it looks for the storage of a run, so it imports little. Address and
token are the reader's own: in a run its environment, elsewhere the profile that `up` or `login` wrote.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine
from typing import Any

from prefect.context import FlowRunContext, TaskRunContext
from prefect.exceptions import MissingContextError
from prefect.filesystems import WritableFileSystem
from prefect.logging import get_logger, get_run_logger
from pydantic import Field, PrivateAttr

from prefect_platform.client.settings import signed_in
from prefect_platform.errors import NotFound, PlatformError, Unavailable
from prefect_platform.flows.results_http import ResultsHttp
from prefect_platform.names import RESULTS_BLOCK

PATIENCE_SECONDS = 60.0
"""How long a result waits for a platform that is being restarted."""


class _Platform:
    """The way to the platform, opened when the first result needs it.

    A copy, or what another process gets of it, opens its own: no token travels with a block. Once the
    platform has not answered for so long, further calls wait no more until it has answered again.
    """

    def __init__(self) -> None:
        self._results: ResultsHttp | None = None
        self._process = 0
        self._silent = False

    def __reduce__(self) -> tuple[type[_Platform], tuple[()]]:
        return _Platform, ()

    def __enter__(self) -> ResultsHttp:
        if self._results is None or self._process != os.getpid():
            self._results, self._process = ResultsHttp(signed_in()), os.getpid()
        return self._results

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        self._silent = isinstance(error, Unavailable)

    @property
    def patience(self) -> float:
        """Seconds for which the next call may be made again."""
        return 0.0 if self._silent else PATIENCE_SECONDS


class PlatformResults(WritableFileSystem):
    """Keeps the results of tasks and flows on the Prefect platform that ran them."""

    _block_type_name = "Platform Results"
    _block_type_slug = RESULTS_BLOCK

    project: str = Field(description="The platform's project that the results belong to.")
    _platform: _Platform = PrivateAttr(default_factory=_Platform)

    async def aread_path(self, path: str) -> bytes:
        return await asyncio.to_thread(self._read, path)

    def read_path(  # type: ignore[override]  # Prefect asks for either, and says which by `_sync`
        self, path: str, _sync: bool | None = None
    ) -> bytes | Coroutine[Any, Any, bytes]:
        """The bytes that were written under this key."""
        return self._read(path) if _is_sync(_sync) else self.aread_path(path)

    async def awrite_path(self, path: str, content: bytes) -> None:
        await asyncio.to_thread(self._write, path, content)

    def write_path(  # type: ignore[override]  # the same
        self, path: str, content: bytes, _sync: bool | None = None
    ) -> Coroutine[Any, Any, None] | None:
        """Keep these bytes under this key, in place of those that it had."""
        if not _is_sync(_sync):
            return self.awrite_path(path, content)
        self._write(path, content)
        return None

    def _read(self, path: str) -> bytes:
        try:
            with self._platform as results:
                return results.read(self.project, path, self._platform.patience)
        except NotFound:
            raise
        except PlatformError as error:
            # Prefect takes any error for "there is none" and computes it anew, without a word.
            _logger().warning("A stored result cannot be used. %s", error.message)
            raise

    def _write(self, path: str, content: bytes) -> None:
        try:
            with self._platform as results:
                results.write(self.project, path, content, self._platform.patience)
        except PlatformError as error:
            if _wanted():
                raise
            # Nobody asked for it: the run must not suffer from what is kept in case it is retried.
            _logger().warning("A result is not kept, so a retry computes it anew. %s", error.message)


def _wanted() -> bool:
    """Whether somebody asked for the result to be kept; Prefect keeps every result of our runs."""
    task, flow = TaskRunContext.get(), FlowRunContext.get()
    said = task.task.persist_result if task is not None else None
    if said is None and flow is not None:
        said = getattr(flow.flow, "persist_result", None)
    return bool(said) if task is not None or flow is not None else True


def _is_sync(said: bool | None) -> bool:
    if said is not None:
        return said
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return True
    return False


def _logger() -> Any:
    try:
        return get_run_logger()
    except MissingContextError:
        return get_logger("results")
