"""Looks after Jupyter servers: what is done in each, the warning before its end, and that end.

Everything it knows is in the database: after a restart of the platform it goes on from there.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from prefect_platform.errors import PlatformError
from prefect_platform.server.controller.admission import PLATFORM
from prefect_platform.server.controller.free_room import FreeRoom
from prefect_platform.server.db.tables import JupyterServerRow, ProjectRow, ResourceRow, WorkloadRow
from prefect_platform.server.services import (
    content,
    jupyter_activity,
    jupyter_idle,
    jupyter_servers,
    jupyter_tokens,
    notifications,
    workloads,
)
from prefect_platform.server.services.jupyter_activity import Activity
from prefect_platform.server.services.jupyter_idle import Idle
from prefect_platform.server.services.kinds.jupyter_servers import working_directory
from prefect_platform.server.services.notifications import Event
from prefect_platform.server.services.parts import Parts
from prefect_platform.wire.jupyter_spec import JupyterSpec
from prefect_platform.wire.notifications import EventKind
from prefect_platform.wire.quantities import shown_seconds
from prefect_platform.wire.resources import ResourceTarget
from prefect_platform.wire.runs import Status

LOOK_SECONDS = 20.0
WORTH_SECONDS = 30.0
"""Work that is newer than what is known by less is not written down: it would be written all the time."""

if TYPE_CHECKING:
    import httpx

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Server:
    """One that runs."""

    resource_id: str
    workload: WorkloadRow
    folder: Path | None
    """Where its files are, if that is on this machine."""


@dataclass(frozen=True)
class _Seen:
    resource_id: str
    workload_id: str
    activity: Activity


class JupyterWatch:
    """One in each replica; rows are locked, so that one of them warns and stops."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._client: httpx.AsyncClient | None = None
        """Made when there is a server to ask."""
        self._room = FreeRoom()

    async def aclose(self) -> None:
        if self._client is not None:
            await self._client.aclose()

    async def round(self) -> None:
        """Look at every server that runs. One that does not answer is left alone: it may be at work."""
        running = await self._running()
        self._parts.jupyter_looks.forget_others(one.workload.id for one in running)
        for seen in await asyncio.gather(*map(self._look, running)):
            if seen is not None:
                await self._attempt(seen)

    async def _running(self) -> list[_Server]:
        async with self._parts.database.reader() as session:
            found = await session.execute(
                select(ResourceRow, ProjectRow.name, WorkloadRow)
                .join(JupyterServerRow, JupyterServerRow.resource_id == ResourceRow.id)
                .join(WorkloadRow, WorkloadRow.id == JupyterServerRow.workload_id)
                .join(ProjectRow, ProjectRow.id == ResourceRow.project_id)
                .where(WorkloadRow.status == Status.RUNNING.value, WorkloadRow.ended_at.is_(None))
            )
            return [_Server(row.id, start, self._folder(row, project)) for row, project, start in found]

    def _folder(self, row: ResourceRow, project: str) -> Path | None:
        if self._parts.config.backend != "local":
            return None
        spec = JupyterSpec.model_validate(row.spec)
        return Path(working_directory(spec, project, row.name)).expanduser()

    async def _look(self, server: _Server) -> _Seen | None:
        found, free = await asyncio.gather(self._ask(server.workload), self._free(server))
        problem = found if isinstance(found, str) else None
        self._parts.jupyter_looks.note(server.workload.id, problem, free, self._parts.clock.now())
        return None if isinstance(found, str) else _Seen(server.resource_id, server.workload.id, found)

    async def _free(self, server: _Server) -> int | None:
        return None if server.folder is None else await self._room.at(server.folder)

    async def _ask(self, row: WorkloadRow) -> Activity | str:
        """What is done in it, or why nobody can say."""
        address = jupyter_servers.address(row)
        if address is None:
            return "Its launcher told of no address on this machine."
        self._client = self._client or jupyter_activity.client()
        try:
            return await jupyter_activity.ask(
                self._client, address, jupyter_tokens.header(self._parts, row.id)
            )
        except PlatformError as error:
            _log.info("Jupyter server of workload %s: %s", row.id, error.message)
            return error.message
        except Exception as error:  # noqa: BLE001 - users' code answers there; others are looked after too
            _log.exception("Jupyter server of workload %s could not be asked; again in a moment", row.id)
            return f"The Jupyter server could not be asked: {type(error).__name__}."

    async def _attempt(self, seen: _Seen) -> None:
        try:
            await self._note(seen)
        except Exception:  # noqa: BLE001 - the others are looked after all the same
            _log.exception("Jupyter server %s could not be looked after; again in a moment", seen.resource_id)

    async def _note(self, seen: _Seen) -> None:
        """Write down what was seen, and what follows from it."""
        event: Event | None = None
        async with self._parts.database.session() as session:
            resource = await session.get(
                ResourceRow, seen.resource_id, with_for_update=True, populate_existing=True
            )
            row = await session.get(
                JupyterServerRow, seen.resource_id, with_for_update=True, populate_existing=True
            )
            if resource is None or row is None or row.workload_id != seen.workload_id:
                return
            start = await workloads.locked(session, seen.workload_id)
            if start is None or start.ended_at is not None or resource.target != ResourceTarget.RUNNING:
                return
            project = await session.get_one(ProjectRow, resource.project_id)
            event = self._decide(seen.activity, resource, row, start, project.name)
            if event is not None:
                await self._tell(session, event)
        if event is not None:
            _log.info("%s", event.sentence)
            self._parts.contents.forget()
            workloads.tell(self._parts, event.project_id)

    async def _tell(self, session: AsyncSession, event: Event) -> None:
        """Put it into the outbox. Where nothing can be masked nobody is told, and what was decided stands."""
        try:
            await notifications.tell(session, self._parts, event)
        except PlatformError as error:
            _log.warning("Nobody is told that %s: %s", event.sentence, error.message)

    def _decide(
        self,
        activity: Activity,
        resource: ResourceRow,
        row: JupyterServerRow,
        start: WorkloadRow,
        project: str,
    ) -> Event | None:
        now = self._parts.clock.now()
        at = now if activity.busy else min(activity.last or row.active_at, now)
        if at - row.active_at >= timedelta(seconds=WORTH_SECONDS):
            row.active_at = at
        match jupyter_idle.decide(jupyter_servers.times(row), now):
            case Idle.WARN:
                row.warned_at = now
                return self._event(
                    "stops soon", resource, project, self._warning(resource, row, now, project)
                )
            case Idle.CALM:
                row.warned_at = None
            case Idle.STOP:
                row.stopped_because = f"nothing was done in it for {shown_seconds(row.shutoff_seconds or 0)}"
                resource.target, resource.restart = ResourceTarget.STOPPED.value, False
                resource.reason = resource.next_start_at = None
                workloads.ask_to_stop(start, PLATFORM, row.stopped_because)
                sentence = f"Jupyter server {resource.name!r} is stopped: {row.stopped_because}."
                return self._event("is stopped", resource, project, sentence)
            case Idle.NONE:
                pass
        return None

    def _warning(self, resource: ResourceRow, row: JupyterServerRow, now: datetime, project: str) -> str:
        end = jupyter_idle.stops_at(jupyter_servers.times(row)) or now
        left = shown_seconds(max(60.0, (end - now).total_seconds()))
        return (
            f"Jupyter server {resource.name!r} stops in {left} unless something is done in it. "
            f"`prefect-platform resource extend {resource.kind}/{resource.name} --for 2h "
            f"--project {project}` keeps it."
        )

    def _event(self, what: str, resource: ResourceRow, project: str, sentence: str) -> Event:
        return Event(
            kind=EventKind.JUPYTER_STOPPING,
            project_id=resource.project_id,
            subject=resource.id,
            title=f"Jupyter server {resource.name} {what}",
            sentence=sentence,
            link=content.page(self._parts, resource.id),
            command=f"prefect-platform resource show {resource.kind}/{resource.name} --project {project}",
            log_workload_id=resource.workload_id,
            once=f"{what} {self._parts.clock.now().isoformat()}",
        )
