"""What a run was started with: asked of Prefect, never stored here, and without secrets."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from sqlalchemy import select

from prefect_platform.errors import Conflict
from prefect_platform.masking.encodings import encoded
from prefect_platform.server.db.tables import AttemptRow
from prefect_platform.server.services import notification_text, orchestrators, prefect_access, runs
from prefect_platform.server.services.bounded_json import BoundedJson
from prefect_platform.server.services.callers import Caller
from prefect_platform.server.services.notification_text import Masks
from prefect_platform.server.services.parts import Parts
from prefect_platform.wire.run_parameters import RunParameters


async def of_run(parts: Parts, caller: Caller, run_id: str) -> RunParameters:
    """The parameters of a run.

    Raises:
        NotFound: Prefect does not know the run any more.
        Conflict: the run stands in a Prefect that its agent alone talks to.
        OrchestratorUnavailable: Prefect does not answer.
        Unavailable, DigestMismatch: a secret cannot be read, so nothing can be masked.
    """
    async with parts.database.reader() as session:
        row = await runs.own(session, caller, run_id)
        there = await prefect_access.runs_elsewhere(session, parts, [run_id], unserved=True)
        if run_id in there:
            raise Conflict(
                f"Run {run_id} stands in Prefect at {there[run_id]}, which its agent alone talks to: look at "
                "its parameters there."
            )
        newest = select(AttemptRow.workload_id).where(AttemptRow.run_id == run_id)
        workload_id = await session.scalar(newest.order_by(AttemptRow.number.desc()).limit(1))
        masks = await notification_text.masks(session, parts, row.project_id, workload_id)
    found = await (await orchestrators.of(parts, row.project_id)).run_parameters(run_id)
    return await asyncio.to_thread(_shown, found, masks)


def _shown(found: Mapping[str, Any], masks: Masks) -> RunParameters:
    """Masked text by text: what is no secret is shown as it is, whatever characters it has."""
    document = BoundedJson(lambda text: masks.data(encoded(text)).decode("utf-8", "replace"))
    parameters = document.bounded(found)
    return RunParameters(parameters=parameters, cuts=document.cuts, large_numbers=document.large_numbers)
