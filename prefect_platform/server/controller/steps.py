"""One workload, moved on as far as it goes: look, decide, act, and again."""

from __future__ import annotations

from prefect_platform.backends.base import Backend, Observed
from prefect_platform.server.controller.ending import Ender
from prefect_platform.server.controller.locks import Lock
from prefect_platform.server.controller.observing import Observer
from prefect_platform.server.controller.reconcile import Facts, Step, facts_of, next_step
from prefect_platform.server.controller.recovery import LogKeeper
from prefect_platform.server.controller.silence import Silence
from prefect_platform.server.controller.starting import Starter
from prefect_platform.server.db.tables import WorkloadRow
from prefect_platform.server.services.parts import Parts

MOST_STEPS = 10
"""In one go: a workload that keeps on needing something gives way to others."""


class Reconciler:
    """Brings single workloads to where they should be."""

    def __init__(
        self, parts: Parts, backend: Backend, observer: Observer, silence: Silence, starter: Starter
    ) -> None:
        self._parts, self._observer, self._silence, self._starter = parts, observer, silence, starter
        self.stopping = False
        """Whether to begin nothing more."""
        self._ender, self._logs = Ender(parts, backend), LogKeeper(parts, backend)

    async def work(self, lock: Lock) -> None:
        """Do what is next until there is nothing to do but wait."""
        for _ in range(MOST_STEPS):
            if self.stopping:
                return
            row = await lock.read()
            if row.removed_at is not None:
                return
            seen = (await self._observer.look([row])).get(row.id)
            step = self.decide(row, seen)
            if step is None or step is Step.ADMIT:
                return
            await self._do(step, lock, seen)

    def decide(self, row: WorkloadRow, seen: Observed | None) -> Step | None:
        """What this workload needs now."""
        return next_step(self.facts(row), seen, silent=self._is_silent(row, seen))

    def facts(self, row: WorkloadRow) -> Facts:
        return facts_of(row, self._parts.clock.now())

    def _is_silent(self, row: WorkloadRow, seen: Observed | None) -> bool:
        quiet = self._silence.hear(row.id, row.last_seen_at, seen, self._parts.clock.uptime())
        return quiet > self._parts.config.runs.silence_seconds

    async def _do(self, step: Step, lock: Lock, seen: Observed | None) -> None:
        match step:
            case Step.DROP:
                await self._ender.drop(lock)
            case Step.START:
                await self._starter.start(lock)
            case Step.STOP:
                await self._ender.stop(lock)
            case Step.END:
                await self._ender.end(lock, seen)
            case Step.SILENT:
                await self._ender.silent(lock)
            case Step.COMPLETE_LOGS:
                await self._logs.complete(lock)
            case Step.REMOVE:
                await self._ender.remove(lock)
            case Step.ADMIT:
                pass  # not one workload's to decide
