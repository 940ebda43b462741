"""The controller's part in resources: sees that each runs, or does not, as is wanted.

One move at a time, in one transaction that holds the resource's row: two controllers never start one twice.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from prefect_platform.errors import PlatformError
from prefect_platform.server.controller.admission import PLATFORM
from prefect_platform.server.controller.hangs import Hangs
from prefect_platform.server.db.tables import ResourceRow, WorkloadRow
from prefect_platform.server.services import resource_launches, resource_moves, workloads
from prefect_platform.server.services.kinds import kind_of
from prefect_platform.server.services.parts import Parts
from prefect_platform.server.services.resource_moves import Move
from prefect_platform.wire.resources import ResourceTarget

logger = logging.getLogger(__name__)

STOP_REASONS = {"stopped": "it was stopped", "deleted": "it was deleted", "running": "it is restarted"}

MOST_MOVES = 3
"""Of one resource in one round: others wait for theirs."""


class Keeper:
    """Keeps every resource as it is wanted."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._hangs = Hangs(parts)

    async def round(self) -> None:
        """Do what is due for each. What fails for one is tried again in the next round."""
        await self._hangs.look()
        for resource_id in await self._due():
            try:
                await self._move_on(resource_id)
            except Exception:  # the others go on
                logger.exception("Resource %s could not be moved on; again in a moment", resource_id)

    async def _move_on(self, resource_id: str) -> None:
        """As far as it goes: the end of one start is written down, and the next begins."""
        for _ in range(MOST_MOVES):
            project_id = await self._move(resource_id)
            if project_id is None:
                return
            self._parts.contents.forget()
            workloads.tell(self._parts, project_id)

    async def _due(self) -> list[str]:
        """Resources for which something is to be done, by what a reader sees."""
        async with self._parts.database.reader() as session:
            found = await session.execute(
                select(ResourceRow, WorkloadRow)
                .outerjoin(WorkloadRow, WorkloadRow.id == ResourceRow.workload_id)
                .where(
                    ResourceRow.deleted_at.is_(None),
                    resource_moves.may_move(self._parts.clock.now(), self._hangs.starts),
                )
            )
            return [row.id for row, start in found if self._next(row, start) is not None]

    def _next(self, row: ResourceRow, start: WorkloadRow | None) -> Move | None:
        hangs = start is not None and start.id in self._hangs.starts
        facts = resource_moves.facts_of(row, start, self._parts.clock.now(), hangs=hangs)
        return resource_moves.next_move(facts, draining=self._parts.machine.draining)

    async def _move(self, resource_id: str) -> str | None:
        """One move of one resource. Its project, if something was changed."""
        folder: Path | None = None
        async with self._parts.database.session() as session:
            row = await session.get(ResourceRow, resource_id, with_for_update=True, populate_existing=True)
            if row is None or row.deleted_at is not None:
                return None
            start = await workloads.locked(session, row.workload_id) if row.workload_id else None
            move = self._next(row, start)
            if move is None:
                return None
            project_id: str = row.project_id
            folder = await self._do(move, session, row, start)
        if folder is not None:
            # What is left of it, here or by an end of the platform at this point, is for the next sweep.
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        return project_id

    async def _do(
        self, move: Move, session: AsyncSession, row: ResourceRow, start: WorkloadRow | None
    ) -> Path | None:
        """Do it in this transaction. The folder, if there is one, that goes after it."""
        at = self._parts.clock.now()
        match move:
            case Move.START:
                await self._start(session, row)
            case Move.STOP if start is not None:
                workloads.ask_to_stop(start, PLATFORM, _why(row))
            case Move.NOTE_END:
                resource_moves.note_end(row, start, always_on=kind_of(row.kind).always_on, now=at)
            case Move.FORGET:
                row.deleted_at = at
                return await kind_of(row.kind).forget(session, self._parts, row)
        return None

    async def _start(self, session: AsyncSession, row: ResourceRow) -> None:
        """Begin a start; one whose size cannot be had any more fails with the reason, and waits."""
        at = self._parts.clock.now()
        try:
            await resource_launches.begin(session, self._parts, row, PLATFORM, at)
        except PlatformError as error:
            row.failures += 1
            row.reason, row.next_start_at = error.message, at + resource_moves.pause(row.failures)
            return
        if not kind_of(row.kind).always_on:  # of one that is, it says why the start before this one ended
            row.reason = None


def _why(row: ResourceRow) -> str:
    """Why a start is ended."""
    wanted = row.target == ResourceTarget.RUNNING and not row.restart
    return resource_moves.HANGS if wanted else STOP_REASONS[row.target]
