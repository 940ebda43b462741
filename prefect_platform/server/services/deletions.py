"""Deleting a flow: begun once, and then gone on with until it is done, by whoever is there.

`deleting_at` is the promise: it is written before anything is touched, and from then on no run, registration
or attempt of the flow begins. Each further step is safe to repeat and is found by looking at what is left
(`deletion_steps`), so a server may end between any two of them, and two replicas may work at one deletion.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from sqlalchemy import ColumnElement, delete, exists, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from prefect_platform.errors import Conflict, PlatformError
from prefect_platform.server.db.tables import AttemptRow, DeploymentRow, FlowRow, FlowVersionRow, RunRow
from prefect_platform.server.services import bundles, flows, orchestrators, runs, waiting
from prefect_platform.server.services.callers import Caller
from prefect_platform.server.services.deletion_steps import Left, Move, Step, next_move, refusal
from prefect_platform.server.services.parts import Parts
from prefect_platform.wire.deletions import Deletion, DeletionState

ANSWER_SECONDS = 10.0
"""A call works at a deletion for so long, and then answers that it goes on."""
SWEEP_SECONDS = 10.0
"""How often somebody looks for deletions that nobody works at."""

_log = logging.getLogger(__name__)


async def delete_flow(parts: Parts, caller: Caller, flow_id: str, *, cancel_runs: bool) -> Deletion:
    """Begin the deletion of a flow, or go on with it. Of a flow that is deleted it is a no-op.

    Raises:
        NotFound: there is no such flow, or it is not the caller's.
        Conflict: runs of it are open, and `cancel_runs` does not say that they are to end with it.
    """
    await _begin(parts, caller, flow_id, cancel_runs=cancel_runs)
    await go_on(parts, flow_id, parts.clock.uptime() + ANSWER_SECONDS)
    async with parts.database.reader() as session:
        return _told(await flows.find(session, caller, flow_id, deleted=True))


def _told(row: FlowRow) -> Deletion:
    state = DeletionState.DELETED if row.deleting_at is None else DeletionState.DELETING
    return Deletion(flow_id=row.id, flow_name=row.name, state=state, reason=row.deleting_problem)


async def sweep(parts: Parts) -> int:
    """Go on with every deletion that is not done; how many were finished."""
    async with parts.database.reader() as session:
        found = (await session.scalars(select(FlowRow.id).where(FlowRow.deleting_at.is_not(None)))).all()
    return sum([await go_on(parts, flow_id) for flow_id in found])


async def go_on(parts: Parts, flow_id: str, until: float | None = None) -> bool:
    """Do what is left of a deletion, up to an uptime; whether it is done.

    What Prefect or a store refuses now is written to the flow, for whoever looks, and tried again.
    """
    try:
        return await _work(parts, flow_id, until)
    except (PlatformError, OSError) as error:
        text = error.message if isinstance(error, PlatformError) else f"{type(error).__name__}: {error}"
        _log.warning("The deletion of flow %s waits: %s", flow_id, text)
        await _note(parts, flow_id, text)
        return False


async def _work(parts: Parts, flow_id: str, until: float | None) -> bool:
    asked: set[str] = set()
    while (left := await _left(parts, flow_id, asked)) is not None:
        if until is not None and parts.clock.uptime() >= until:
            return False
        await _take(parts, flow_id, next_move(left), asked)
    return True


async def _take(parts: Parts, flow_id: str, move: Move, asked: set[str]) -> None:
    match move.step:
        case Step.CANCEL_RUN:
            await _cancel(parts, flow_id, move.of)
            asked.add(move.of)
        case Step.DELETE_DEPLOYMENT:
            await _delete_deployment(parts, move.of)
        case Step.REMOVE_BUNDLE:
            await bundles.remove_unused(parts, flow_id, move.of)
        case Step.FINISH:
            await _finish(parts, flow_id, asked)


async def _begin(parts: Parts, caller: Caller, flow_id: str, *, cancel_runs: bool) -> None:
    async with parts.database.reader() as session:
        row = await flows.find(session, caller, flow_id, deleted=True)
        if row.deleting_at is not None or row.deleted_at is not None:
            return
        found = await open_runs(session, flow_id)
    await waiting.refresh(parts, found)
    async with parts.database.session() as session:
        row = await flows.find(session, caller, flow_id, deleted=True, write=True)
        if row.deleting_at is not None or row.deleted_at is not None:
            return
        found = await open_runs(session, flow_id)
        if found and not cancel_runs:
            told = [(run.name, run_words(run)) for run in found]
            raise Conflict(refusal(row.name, told), runs=[run.id for run in found[:100]])
        row.deleting_at, row.deleting_by, row.deleting_problem = parts.clock.now(), caller.name, None


async def open_runs(session: AsyncSession, flow_id: str) -> Sequence[RunRow]:
    """Runs of a flow that are not over, the oldest first."""
    found = select(RunRow).where(RunRow.flow_id == flow_id, RunRow.ended_at.is_(None))
    return (await session.scalars(found.order_by(RunRow.created_at, RunRow.id))).all()


def run_words(run: RunRow) -> str:
    """How an open run stands, in a word."""
    return run.status or (run.prefect_state or "scheduled").lower()


async def _left(parts: Parts, flow_id: str, asked: AbstractSet[str]) -> Left | None:
    """What is left to do; None if the flow is not being deleted (any more)."""
    async with parts.database.reader() as session:
        flow = await session.get(FlowRow, flow_id)
        if flow is None or flow.deleting_at is None:
            return None
        deployments = select(DeploymentRow.id).where(DeploymentRow.flow_id == flow_id)
        return Left(
            runs=[run.id for run in await open_runs(session, flow_id) if run.id not in asked],
            deployments=(await session.scalars(deployments.order_by(DeploymentRow.id))).all(),
            bundles=[row.code_digest for row in await bundles.unused_of(session, flow_id)],
        )


async def _cancel(parts: Parts, flow_id: str, run_id: str) -> None:
    async with parts.database.reader() as session:
        flow = await session.get_one(FlowRow, flow_id)
    by = flow.deleting_by or "the platform"
    await runs.end(parts, run_id, by, f"Flow {flow.name!r} was deleted by {by}.")


async def _delete_deployment(parts: Parts, deployment_id: str) -> None:
    async with parts.database.reader() as session:
        row = await session.get(DeploymentRow, deployment_id)
        flow = await session.get(FlowRow, row.flow_id) if row is not None else None
    if row is None or flow is None:  # another replica was quicker
        return
    await (await orchestrators.of(parts, flow.project_id)).delete_deployment(row.prefect_deployment_id)
    async with parts.database.session() as session:
        await session.execute(delete(DeploymentRow).where(DeploymentRow.id == deployment_id))


async def _finish(parts: Parts, flow_id: str, asked: AbstractSet[str]) -> None:
    """Take the flow out of the listings, unless something came meanwhile: then nothing happens."""
    async with parts.database.session() as session:
        row = await session.get(FlowRow, flow_id, with_for_update=True, populate_existing=True)
        if row is None or row.deleting_at is None:
            return
        late = [run for run in await open_runs(session, flow_id) if run.id not in asked]
        if late or await session.scalar(select(exists().where(DeploymentRow.flow_id == flow_id))):
            return
        await session.execute(
            delete(FlowVersionRow)
            .where(FlowVersionRow.flow_id == flow_id, *unnamed_versions())
            .execution_options(synchronize_session=False)
        )
        row.deleted_at, row.deleting_at, row.deleting_problem = parts.clock.now(), None, None
    _log.info("Flow %s (%s) is deleted", row.name, flow_id)


def unnamed_versions() -> list[ColumnElement[bool]]:
    """That no run, attempt or deployment names a version."""
    return [
        ~exists().where(kind.version_id == FlowVersionRow.id) for kind in (RunRow, AttemptRow, DeploymentRow)
    ]


async def _note(parts: Parts, flow_id: str, problem: str) -> None:
    async with parts.database.session() as session:
        await session.execute(
            update(FlowRow)
            .where(FlowRow.id == flow_id, FlowRow.deleting_at.is_not(None))
            .values(deleting_problem=problem)
        )
