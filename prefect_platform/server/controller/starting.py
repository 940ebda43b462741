"""Starting: what the backend has created is saved before the next step, and given to whoever goes on.

A start that fails is tried again a few times; one that finds no room goes back to the queue.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, AsyncIterator

from prefect_platform.backends.base import Backend, Handle, WorkloadSpec
from prefect_platform.errors import NoCapacity, PlatformError, foreign
from prefect_platform.server.controller.admission import PLATFORM
from prefect_platform.server.controller.locks import Lock
from prefect_platform.server.db.tables import WorkloadRow
from prefect_platform.server.services import ends, workload_tokens, workloads
from prefect_platform.server.services.parts import Parts
from prefect_platform.wire.runs import Status, Target
from prefect_platform.wire.tokens import TokenKind

logger = logging.getLogger(__name__)

START_TRIES = 5
FULL_FIRST_SECONDS, FULL_CAP_SECONDS = 1.0, 15.0


class StartFailed(Exception):
    """A start failed and is tried again later. It never leaves the controller."""


class Starter:
    """Starts workloads through a backend, and knows how often each has failed in this process."""

    def __init__(self, parts: Parts, backend: Backend) -> None:
        self._parts, self._backend = parts, backend
        self._failures: dict[str, int] = {}
        self._full_times = 0
        self._full_until = 0.0

    @property
    def full(self) -> bool:
        """Whether the backend had no room a moment ago: nothing is admitted until it may have some."""
        return self._parts.clock.uptime() < self._full_until

    async def start(self, lock: Lock) -> None:
        """Start, or go on with a start.

        Raises:
            StartFailed: it did not work; the caller comes again later.
            LockLost: another controller goes on with it.
        """
        spec, handle = await self._prepare(lock)
        steps = self._backend.start(spec, handle)
        try:
            while (checkpoint := await self._advance(lock.workload_id, steps)) is not None:
                if not await self._save(lock, checkpoint):
                    return  # it is to end: what was created so far is in the handle
            await self._placed(lock)
        except NoCapacity as error:
            await self._no_room(lock, error)
        except StartFailed as error:
            await self._failed(lock, error)
        finally:
            if isinstance(steps, AsyncGenerator):
                await steps.aclose()

    async def _prepare(self, lock: Lock) -> tuple[WorkloadSpec, Handle]:
        """A launcher token is stored nowhere, so a start that is resumed needs another one."""
        async with lock.write() as (session, row):
            token = await workload_tokens.issue(session, self._parts, row, TokenKind.WORKLOAD)
            return self._spec(row, token), dict(row.handle)

    def _spec(self, row: WorkloadRow, token: str) -> WorkloadSpec:
        return WorkloadSpec(
            workload_id=row.id,
            url=self._parts.config.public_url,
            token=token,
            cores=row.cores,
            memory_bytes=row.memory_bytes,
            grace_seconds=row.grace_seconds,
            labels={"kind": row.kind, "project": row.project_id, "installation": self._parts.installation_id},
        )

    async def _advance(self, workload_id: str, steps: AsyncIterator[Handle]) -> Handle | None:
        """The next checkpoint, or None at the end. Whatever a backend raises is a failed start."""
        try:
            return await anext(steps, None)
        except NoCapacity:
            raise
        except Exception as error:
            logger.warning("Workload %s could not be started", workload_id, exc_info=True)
            text = error.message if isinstance(error, PlatformError) else f"{type(error).__name__}: {error}"
            raise StartFailed(foreign(text)) from error

    async def _save(self, lock: Lock, checkpoint: Handle) -> bool:
        """Write a checkpoint down; whether the workload is still wanted."""
        async with lock.write() as (_, row):
            row.handle = dict(checkpoint)
            return row.target == Target.RUNNING

    async def _placed(self, lock: Lock) -> None:
        async with lock.write() as (_, row):
            workloads.note(row, workloads.PLACED, self._parts.clock.now(), self._backend.name)
        self._failures.pop(lock.workload_id, None)
        self._full_times = 0
        self._full_until = 0.0

    async def _no_room(self, lock: Lock, error: NoCapacity) -> None:
        async with lock.write() as (session, row):
            row.gpus = None
            await workloads.move(
                session, row, Status.QUEUED, PLATFORM, error.message, self._parts.clock.now()
            )
        wait = min(FULL_CAP_SECONDS, FULL_FIRST_SECONDS * 2.0 ** min(self._full_times, 10))
        self._full_times += 1
        self._full_until = self._parts.clock.uptime() + wait

    async def _failed(self, lock: Lock, error: StartFailed) -> None:
        """Come again, or give up. Raises `StartFailed` for the first."""
        tries = self._failures[lock.workload_id] = self._failures.get(lock.workload_id, 0) + 1
        if tries < START_TRIES:
            raise error
        del self._failures[lock.workload_id]
        async with lock.write() as (session, row):
            reason = f"It could not be started, {START_TRIES} times in a row: {error}"
            await ends.crash(session, row, reason, PLATFORM, self._parts.clock.now())
        workloads.tell(self._parts, row.project_id)
