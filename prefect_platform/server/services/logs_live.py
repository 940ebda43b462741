"""Logs while they are written: every byte once and in order within its source, however slow the reader.

Nothing is queued for anybody. A reader takes from the store what comes after its cursor when it is
ready for more, so it costs the same memory whether it keeps up or not.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

from prefect_platform.errors import NotFound
from prefect_platform.server.services import log_cursor, run_workloads, runs, waiting, workloads
from prefect_platform.server.services.callers import Caller
from prefect_platform.server.services.log_cursor import Cursor, Place
from prefect_platform.server.services.log_pulse import Pulse
from prefect_platform.server.services.logs import check_kept, readable, source_infos
from prefect_platform.server.services.logs_read import piece
from prefect_platform.server.services.parts import Parts
from prefect_platform.server.stores.log_places import checked

PIECE_BYTES = 1 << 18
LOOK_SECONDS = 1.0
"""How often the database is asked what became of the run when nobody tells of a move."""


@dataclass(frozen=True)
class Event:
    """A server-sent event; without a name it only shows that the stream is alive."""

    name: str | None = None
    id: str = ""
    data: str = ""


@dataclass(frozen=True)
class View:
    """What is followed, as the database says."""

    workload_ids: list[str]
    over: bool
    """Whether nothing more will begin: the stream ends once everything is sealed."""


async def follow_run(
    parts: Parts, caller: Caller, run_id: str, last_event_id: str | None
) -> AsyncIterator[Event]:
    """All sources of all attempts of a run, later ones too, until the last attempt has ended.

    Raises:
        Removed: it is over, and retention removed its log.
    """

    async def look() -> View:
        async with parts.database.reader() as session:
            run = await runs.own(session, caller, run_id)
            rows = await run_workloads.of_run(session, run_id)
            attempts = [row for row in rows if row.cluster_id is None]
            over = workloads.is_final(attempts[-1]) if attempts else run.ended_at is not None
            # What a worker wrote last may come a moment after the run itself has ended.
            over = over and all(row.ended_at is not None for row in rows if row.cluster_id is not None)
        if attempts and attempts[-1].removed_logs:
            await check_kept(parts, attempts[-1].id)
        if not rows:
            await waiting.refresh(parts, [run])
        return View([row.id for row in rows], over)

    follower = _Follower(parts, log_cursor.of_run(last_event_id), look)
    return await follower.begun()


async def follow_source(
    parts: Parts, caller: Caller, workload_id: str, source: str, last_event_id: str | None
) -> AsyncIterator[Event]:
    """One source, until it is sealed. It may not have begun yet.

    Raises:
        Removed: retention removed it.
    """
    checked(workload_id, source)

    async def look() -> View:
        async with parts.database.reader() as session:
            row = await workloads.own(session, caller, workload_id)
        if row.removed_logs:
            await check_kept(parts, workload_id, source)
        return View([workload_id], workloads.is_final(row))

    cursor = log_cursor.of_source((workload_id, source), last_event_id)
    follower = _Follower(parts, cursor, look, only=source)
    return await follower.begun()


class _Follower:
    def __init__(
        self,
        parts: Parts,
        cursor: Cursor,
        look: Callable[[], Awaitable[View]],
        only: str | None = None,
    ) -> None:
        self._parts, self._cursor, self._look, self._only = parts, cursor, look, only
        self._open = False
        """Whether the last pass met a source that is not sealed and told of as that."""
        self._done: set[str] = set()
        """Workloads of which everything was told."""

    async def begun(self) -> AsyncIterator[Event]:
        """The events, once it is sure that the caller may have them."""
        return self._events(await self._look())

    async def _events(self, view: View) -> AsyncIterator[Event]:
        quiet, look = _Timer(self._parts.config.logs.heartbeat_seconds), _Timer(LOOK_SECONDS)
        async with Pulse(self._parts) as pulse:
            while True:
                for workload_id in view.workload_ids:
                    await pulse.watch(workload_id)
                passed = quiet.starts
                async for event in self._pass(view):
                    quiet.start()
                    yield event
                if self._ended(view):
                    yield Event("end", self._id(), "{}")
                    return
                if quiet.starts == passed:
                    await pulse.wait(min(quiet.left, look.left))
                if not quiet.left:
                    quiet.start()
                    yield Event()
                if pulse.moved or not look.left:
                    pulse.moved = False
                    look.start()
                    try:
                        view = await self._look()
                    except NotFound:  # deleted, or not the reader's any more: asking again says so
                        return

    async def _pass(self, view: View) -> AsyncIterator[Event]:
        """A piece of every source that has one to give, so that none waits for another's end."""
        self._open = False
        for workload_id in view.workload_ids:
            if workload_id in self._done:
                continue
            places = await self._places(workload_id)
            for place in places:
                async for event in self._news(place):
                    yield event
            told = all(place in self._cursor.told for place in places)
            self._open |= not told
            if told and places and workload_id != view.workload_ids[-1]:
                self._done.add(workload_id)

    async def _places(self, workload_id: str) -> list[Place]:
        sources = await readable(self._parts, workload_id)
        return [(workload_id, source) for source in sources if self._only in (None, source)]

    async def _news(self, place: Place) -> AsyncIterator[Event]:
        cursor = self._cursor
        if place in cursor.told:
            return
        stat = await self._parts.logs.stat(*place)
        if stat.size > cursor.offsets.setdefault(place, 0):
            chunk = await piece(self._parts, *place, stat, cursor.offsets[place], stat.size, PIECE_BYTES)
            if chunk.end > cursor.offsets[place]:
                cursor.offsets[place] = chunk.end
                yield Event("log", self._id(place), chunk.model_dump_json())
        if stat.sha256 is not None and cursor.offsets[place] >= stat.size:
            cursor.told.add(place)
            infos = await source_infos(self._parts, [place[0]])
            info = next(info for info in infos if info.source == place[1])
            yield Event("sealed", self._id(place), info.model_dump_json())

    def _ended(self, view: View) -> bool:
        if self._only is not None and self._cursor.told:
            return True
        return view.over and not self._open

    def _id(self, place: Place | None = None) -> str:
        """The id of an event after which a reader goes on here."""
        if self._only is None:
            return self._cursor.encoded()
        return str(self._cursor.offsets[place]) if place is not None else ""


class _Timer:
    """Seconds of the event loop's clock that are left since the last start."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.starts = 0
        self.start()

    def start(self) -> None:
        self.starts += 1
        self._until = asyncio.get_running_loop().time() + self._seconds

    @property
    def left(self) -> float:
        return max(0.0, self._until - asyncio.get_running_loop().time())
