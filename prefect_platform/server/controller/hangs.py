"""Agents that hang: the process lives, and nothing is heard of it any more.

What counts is the time that this controller was awake and could be told: a machine that slept, or a platform
that was away, ends nobody.
"""

from __future__ import annotations

from sqlalchemy import select

from prefect_platform.server.controller.silence import Silence
from prefect_platform.server.db.tables import AgentRow, ResourceRow, WorkloadRow
from prefect_platform.server.services.parts import Parts
from prefect_platform.server.services.resource_moves import HANGS_SECONDS
from prefect_platform.wire.resources import ResourceTarget
from prefect_platform.wire.runs import Status

LOOK_SECONDS = 5.0


class Hangs:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._silence = Silence()
        self._looked: float | None = None
        self.starts: frozenset[str] = frozenset()
        """Workloads of resources that hang."""

    async def look(self) -> None:
        """See who has reported since; every few seconds, whenever it is called."""
        uptime = self._parts.clock.uptime()
        if self._looked is not None and uptime - self._looked < LOOK_SECONDS:
            return
        if self._looked is not None and uptime - self._looked > 3 * LOOK_SECONDS:
            self._silence = Silence()  # this process itself stood still: nobody could report
        self._looked = uptime
        async with self._parts.database.reader() as session:
            found = await session.execute(
                select(WorkloadRow.id, AgentRow.last_seen_at)
                .join(ResourceRow, ResourceRow.workload_id == WorkloadRow.id)
                .join(AgentRow, AgentRow.id == ResourceRow.id)
                .where(
                    WorkloadRow.status == Status.RUNNING.value,
                    ResourceRow.target == ResourceTarget.RUNNING.value,
                )
            )
            rows = [tuple(row) for row in found]
        self._silence.forget_others(key for key, _ in rows)
        self.starts = frozenset(
            key for key, seen in rows if self._silence.hear(key, seen, None, uptime) > HANGS_SECONDS
        )
