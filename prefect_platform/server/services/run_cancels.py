"""Cancelling several runs at once: each for itself, so that one that cannot be cancelled stops no other."""

from __future__ import annotations

import asyncio

from prefect_platform.errors import NotFound, PlatformError
from prefect_platform.server.services import projects, runs
from prefect_platform.server.services.callers import Caller
from prefect_platform.server.services.parts import Parts
from prefect_platform.wire.runs import CancelledRun, CancelRequest, CancelRunsRequest

AT_ONCE = 8
"""Calls to Prefect that one request has under way."""


async def cancel(
    parts: Parts, caller: Caller, project: str, request: CancelRunsRequest
) -> list[CancelledRun]:
    """Cancel runs of one project; an answer for each id, in the order given.

    Raises:
        NotFound: there is no such project, or the caller is not in it.
    """
    async with parts.database.reader() as session:
        project_id = (await projects.member(session, caller, project)).id
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(run_id: str) -> CancelledRun:
        async with gate:
            return await _cancel(parts, caller, project_id, run_id, request.reason)

    return await asyncio.gather(*(one(run_id) for run_id in dict.fromkeys(request.run_ids)))


async def _cancel(parts: Parts, caller: Caller, project_id: str, run_id: str, reason: str) -> CancelledRun:
    try:
        async with parts.database.reader() as session:
            row = await runs.own(session, caller, run_id)
        if row.project_id != project_id:
            raise NotFound(f"There is no run {run_id!r} in this project.")
        found = await runs.cancel(parts, caller, run_id, CancelRequest(reason=reason))
    except PlatformError as error:  # told beside the others
        return CancelledRun(run_id=run_id, code=error.code, problem=error.message)
    return CancelledRun(run_id=run_id, status=found.status, prefect_state=found.prefect_state)
