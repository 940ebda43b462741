"""Jupyter servers that run: where they answer, how long they may stay, what is shown of them."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from prefect_platform.errors import Conflict, UsageError
from prefect_platform.server.db.tables import JupyterServerRow, ResourceRow, WorkloadRow
from prefect_platform.server.services import jupyter_idle, workloads
from prefect_platform.server.services.jupyter_idle import Times
from prefect_platform.server.services.jupyter_looks import JupyterLooks
from prefect_platform.server.services.parts import Parts
from prefect_platform.wire.jupyter_state import JupyterState, JupyterStep
from prefect_platform.wire.resources import ResourceKind
from prefect_platform.wire.runs import FINAL, Status

RUNNING_STEP, ENGINE_STEP = "running", "engine-started"
ADDRESS = re.compile(r"http://127\.0\.0\.1:([1-9][0-9]{0,4})")
HIGHEST_PORT = 65535
_STEPS = (
    (RUNNING_STEP, JupyterStep.READY),
    ("start-script-ended", JupyterStep.STARTING),
    ("start-script-started", JupyterStep.START_SCRIPT),
    (ENGINE_STEP, JupyterStep.STARTING),
    ("checked", JupyterStep.STARTING),
)
"""A step that a launcher tells, and how far the start is with it; the first that was told counts."""

_log = logging.getLogger(__name__)


def times(row: JupyterServerRow) -> Times:
    return Times(row.shutoff_seconds, row.active_at, row.extended_until, row.warned_at)


def is_open(workload: WorkloadRow | None) -> bool:
    return workload is not None and Status(workload.status) not in FINAL


def address(workload: WorkloadRow) -> str | None:
    """Where a start answers, once it does: `http://127.0.0.1:port`. A launcher says where, and runs with the
    user's code: no other host is believed, or the platform would ask it for that code."""
    told = [str(one["detail"]) for one in workload.steps if one["name"] == RUNNING_STEP and one.get("detail")]
    found = ADDRESS.fullmatch(told[-1]) if told else None
    return found[0] if found and int(found[1]) <= HIGHEST_PORT else None


async def states(
    session: AsyncSession,
    looks: JupyterLooks,
    rows: Sequence[ResourceRow],
    starts: Mapping[str, WorkloadRow],
) -> dict[str, JupyterState]:
    """What there is to say of each Jupyter server among these, by id."""
    servers = [row for row in rows if row.kind == ResourceKind.JUPYTER_SERVER]
    if not servers:
        return {}
    ids = [row.id for row in servers]
    found = await session.scalars(select(JupyterServerRow).where(JupyterServerRow.resource_id.in_(ids)))
    known = {row.resource_id: row for row in found}
    return {
        row.id: _state(row, known.get(row.id), starts.get(row.workload_id or ""), looks) for row in servers
    }


def _state(
    resource: ResourceRow, row: JupyterServerRow | None, start: WorkloadRow | None, looks: JupyterLooks
) -> JupyterState:
    failed = start is not None and not is_open(start) and resource.reason is not None
    step, at = _step(start) if start is not None and (failed or is_open(start)) else (None, None)
    state = JupyterState(
        step=step, step_at=at, active_at=None, stops_at=None, warned_at=None, stopped_because=None
    )
    if row is None or start is None or row.workload_id != start.id:
        return state
    state = state.model_copy(update={"active_at": row.active_at, "stopped_because": row.stopped_because})
    if failed or step is not JupyterStep.READY:
        return state
    look = looks.of(start.id)
    ready = {
        "stops_at": jupyter_idle.stops_at(times(row)),
        "warned_at": row.warned_at,
        "unanswered_since": look.since,
        "problem": look.problem,
        "free_bytes": look.free_bytes,
    }
    return state.model_copy(update=ready)


def _step(workload: WorkloadRow) -> tuple[JupyterStep, datetime]:
    """How far a start is, and since when."""
    if workload.status == Status.QUEUED:
        return JupyterStep.QUEUED, workload.created_at
    begun = workloads.noted(workload, ENGINE_STEP) is not None
    steps = _STEPS if begun or is_open(workload) else _STEPS[2:]  # its start script was the last
    noted = ((step, workloads.noted(workload, name)) for name, step in steps)
    found = next(((step, at) for step, at in noted if at is not None), None)
    return found or (JupyterStep.ENVIRONMENT, workload.created_at)


async def extend(
    session: AsyncSession, parts: Parts, resource: ResourceRow, workload: WorkloadRow | None, seconds: float
) -> None:
    """Do not stop a server before so many seconds from now.

    Raises:
        UsageError: no resource of this kind is stopped by itself.
        Conflict: it does not run, or never stops by itself.
    """
    what = f"{resource.kind} {resource.name!r}"
    if resource.kind != ResourceKind.JUPYTER_SERVER:
        raise UsageError(f"{what} is not stopped for want of work: there is nothing to extend.")
    row = await session.get(JupyterServerRow, resource.id, with_for_update=True, populate_existing=True)
    if row is None or workload is None or not is_open(workload) or row.workload_id != workload.id:
        raise Conflict(f"{what} does not run: start it first.")
    if row.shutoff_seconds is None:
        raise Conflict(f"{what} is never stopped for want of work (shutoff: never).")
    until = parts.clock.now() + timedelta(seconds=seconds)
    row.extended_until = max(row.extended_until or until, until)
    row.warned_at = None


async def acted(parts: Parts, workload_id: str) -> None:
    """Its user did something there that no kernel or terminal tells of, such as saving a file."""
    async with parts.database.session() as session:
        row = await session.scalar(
            select(JupyterServerRow).where(JupyterServerRow.workload_id == workload_id).with_for_update()
        )
        if row is not None:
            row.active_at = max(row.active_at, parts.clock.now())
