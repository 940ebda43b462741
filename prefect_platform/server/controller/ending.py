"""Ending: ask to stop, write down the end, save the last of the logs, free what is left.

Each is safe to do again: a controller that dies between two of them is followed by one that repeats
the last.
"""

from __future__ import annotations

import logging
import signal as signals

from pydantic import ValidationError

from prefect_platform.backends.base import Backend, Observed, Phase
from prefect_platform.server.controller.admission import PLATFORM
from prefect_platform.server.controller.locks import Lock
from prefect_platform.server.services import ends, workload_tokens, workloads
from prefect_platform.server.services.parts import Parts
from prefect_platform.wire.runs import ResultReport
from prefect_platform.wire.tokens import TokenKind

logger = logging.getLogger(__name__)


class Ender:
    """Ends workloads through a backend."""

    def __init__(self, parts: Parts, backend: Backend) -> None:
        self._parts, self._backend = parts, backend

    async def drop(self, lock: Lock) -> None:
        """End what was cancelled before it was started."""
        async with lock.write() as (session, row):
            await ends.drop(session, row, PLATFORM, self._parts.clock.now())
        workloads.tell(self._parts, row.project_id)

    async def stop(self, lock: Lock) -> None:
        """Ask for the end, with the grace the first time, by force after that."""
        async with lock.write() as (_, row):
            again = workloads.noted(row, workloads.STOP_ASKED) is not None
            grace = 0.0 if again or row.ended_at is not None else row.grace_seconds
            handle = dict(row.handle)
        await self._backend.stop(handle, grace)
        async with lock.write() as (_, row):
            row.steps = [step for step in row.steps if step["name"] != workloads.STOP_ASKED]
            detail = "by force" if grace == 0 else f"with {grace:g} s of grace"
            workloads.note(row, workloads.STOP_ASKED, self._parts.clock.now(), detail)

    async def end(self, lock: Lock, seen: Observed | None) -> None:
        """Write down that nothing of it runs any more, and why."""
        async with lock.write() as (_, row):
            handle, known = dict(row.handle), row.ended_at is not None
        found = None if known else _result((await self._backend.recover_end(handle)).result)
        async with lock.write() as (session, row):
            at = self._parts.clock.now()
            if row.ended_at is None:
                await ends.end(session, row, _report(found, seen), PLATFORM, at)
            elif seen is not None and seen.reason:
                await ends.explain(session, row, seen.reason)
            if workloads.noted(row, workloads.GONE) is None:
                workloads.note(row, workloads.GONE, at)
        workloads.tell(self._parts, row.project_id)

    async def silent(self, lock: Lock) -> None:
        """Nobody has heard of it for too long."""
        seconds = self._parts.config.runs.silence_seconds
        reason = (
            f"Neither its launcher nor the {self._backend.name} backend has given a sign of life for "
            f"{seconds:g} s. Start the run again; if this comes back, look at the machine it ran on."
        )
        async with lock.write() as (session, row):
            await ends.crash(session, row, reason, PLATFORM, self._parts.clock.now())
        workloads.tell(self._parts, row.project_id)

    async def remove(self, lock: Lock) -> None:
        """Free what is left, and end the launcher's token."""
        async with lock.write() as (_, row):
            handle = dict(row.handle)
        if handle:
            await self._backend.remove(handle)
        async with lock.write() as (session, row):
            row.removed_at = at = self._parts.clock.now()
            await workload_tokens.revoke(session, row.id, TokenKind.WORKLOAD, at)


def _result(written: object) -> ResultReport | None:
    """What the launcher wrote down of the end but could not send."""
    if not isinstance(written, dict):
        return None
    try:
        return ResultReport.model_validate(written)
    except ValidationError:
        logger.warning("A launcher left a result that cannot be read; its end counts as unknown")
        return None


def _report(found: ResultReport | None, seen: Observed | None) -> ResultReport:
    """The launcher's word, or what takes its place; the infrastructure's own sentence goes first."""
    if found is None:
        told = seen or Observed(Phase.ABSENT)
        return ResultReport(
            exit_code=told.exit_code,
            signal=told.signal,
            peak_memory_bytes=told.peak_memory_bytes,
            reason=_lost(told),
        )
    return found.model_copy(update={"reason": (seen.reason if seen else None) or found.reason})


def _lost(seen: Observed) -> str:
    """Why there is no word of the launcher. Codes are the launcher's own, not the run's."""
    if seen.reason:
        return seen.reason
    if seen.signal:
        try:
            name = signals.Signals(seen.signal).name
        except ValueError:
            name = f"signal {seen.signal}"
        return (
            f"The launcher of this run was killed by {name}, not by the platform, and the run ended with "
            "it. Start it again; the kernel's log (dmesg) may name who did it."
        )
    if seen.exit_code:
        return (
            f"The launcher of this run ended with exit code {seen.exit_code} before it could report. The "
            "end of the log says more; start the run again."
        )
    return "The launcher of this run was lost without a word, and the run with it. Start it again."
