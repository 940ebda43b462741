"""The end of an embedded platform: open runs are cancelled and recorded, never just left."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from sqlalchemy import func, select

from prefect_platform.errors import Forbidden, PlatformError
from prefect_platform.server.db.tables import AttemptRow, WorkloadRow
from prefect_platform.server.services import orchestrators, prefect_access, workloads
from prefect_platform.server.services.callers import Caller
from prefect_platform.server.services.parts import WORKLOADS, Parts
from prefect_platform.wire.shutdown import ShutdownAnswer, ShutdownRequest

REASON = "the platform was stopped"
RECHECK_SECONDS = 0.5
SETTLE_SECONDS = 3.0
"""How long ended attempts may wait for an agent's word, once nothing runs any more."""
RESOURCE_SECONDS = 15.0
"""What resources have for their end, however long runs have taken for theirs."""
TELL_SECONDS = 10.0
"""Longest wait for Prefect to hear of one cancel: nobody waits for Ctrl-C much longer."""


class _Open(NamedTuple):
    """A run of which something is open here."""

    project_id: str
    run_id: str


async def shutdown(parts: Parts, caller: Caller, request: ShutdownRequest) -> ShutdownAnswer:
    """Take nothing new, cancel everything that is open, and wait for its end.

    Raises:
        Forbidden: the caller is not the installation's administrator.
    """
    if not caller.admin:
        raise Forbidden("Only an administrator of the installation may stop it.")
    parts.machine.draining = True
    deadline = parts.clock.uptime() + request.grace_seconds
    open_runs = await _cancel_all(parts, caller)
    told = await _of_projects(parts, open_runs)
    problems, left = await asyncio.gather(_tell_prefect(parts, told), _ended(parts, deadline))
    # Agents at the last: they tell Prefect of the runs.
    await _stop_resources(parts, caller, max(deadline, parts.clock.uptime() + RESOURCE_SECONDS))
    return ShutdownAnswer(cancelled=len(open_runs), still_open=left[0], unsettled=left[1], problems=problems)


async def _cancel_all(parts: Parts, caller: Caller) -> list[_Open]:
    """Want every open workload ended; their runs."""
    async with parts.database.session() as session:
        found = await session.execute(
            select(WorkloadRow, AttemptRow.run_id)
            .join(AttemptRow, AttemptRow.workload_id == WorkloadRow.id)
            .where(WorkloadRow.ended_at.is_(None))
            .with_for_update(of=WorkloadRow)
        )
        runs = []
        for row, run_id in found:
            workloads.ask_to_stop(row, caller.name, REASON)
            runs.append(_Open(row.project_id, run_id))
    parts.wakeups.notify(WORKLOADS)
    return runs


async def _of_projects(parts: Parts, runs: list[_Open]) -> list[_Open]:
    """Those that the Prefect of their project knows; of the others their agents tell."""
    async with parts.database.reader() as session:
        elsewhere = await prefect_access.runs_elsewhere(session, parts, [run.run_id for run in runs])
    return [run for run in runs if run.run_id not in elsewhere]


async def _stop_resources(parts: Parts, caller: Caller, deadline: float) -> None:
    """End what runs of resources and clusters, and wait for it. Resources are wanted as before: the next
    start of the platform brings back those that are always on."""
    open_starts = select(WorkloadRow).where(
        workloads.programs(),
        WorkloadRow.ended_at.is_(None),
    )
    async with parts.database.session() as session:
        for row in await session.scalars(open_starts.with_for_update()):
            workloads.ask_to_stop(row, caller.name, REASON)
    parts.wakeups.notify(WORKLOADS)
    with parts.wakeups.listen(WORKLOADS) as listener:
        while (remaining := deadline - parts.clock.uptime()) > 0:
            async with parts.database.reader() as session:
                if await session.scalar(open_starts.limit(1)) is None:
                    return
            await listener.wait(min(remaining, RECHECK_SECONDS))


async def _tell_prefect(parts: Parts, runs: list[_Open]) -> list[str]:
    async def tell(run: _Open) -> str | None:
        project_id, run_id = run
        try:
            async with asyncio.timeout(TELL_SECONDS):
                await (await orchestrators.of(parts, project_id)).cancel_run(run_id, REASON)
        except PlatformError as error:
            return f"Prefect was not told that run {run_id} is cancelled: {error.message}"
        except TimeoutError:
            return f"Prefect was not told that run {run_id} is cancelled: no answer in {TELL_SECONDS:g} s."
        return None

    return [problem for problem in await asyncio.gather(*map(tell, runs)) if problem]


async def _ended(parts: Parts, deadline: float) -> tuple[int, int]:
    """Wait until every workload has ended and is settled; how many had not, and were not, at `deadline`."""
    with parts.wakeups.listen(WORKLOADS) as listener:
        while True:
            left = await _left(parts)
            if not left[0]:
                deadline = min(deadline, parts.clock.uptime() + SETTLE_SECONDS)
            remaining = deadline - parts.clock.uptime()
            if not any(left) or remaining <= 0:
                return left
            await listener.wait(min(remaining, RECHECK_SECONDS))


async def _left(parts: Parts) -> tuple[int, int]:
    unsettled = (
        select(func.count())
        .select_from(AttemptRow)
        .join(WorkloadRow, WorkloadRow.id == AttemptRow.workload_id)
        .where(AttemptRow.settled_at.is_(None))
    )
    async with parts.database.reader() as session:
        running = await session.scalar(unsettled.where(WorkloadRow.ended_at.is_(None)))
        ended = await session.scalar(unsettled.where(WorkloadRow.ended_at.is_not(None)))
    return running or 0, ended or 0
