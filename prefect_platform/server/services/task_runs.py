"""Task runs of a run, for a graph of them: asked of Prefect, never stored here."""

from __future__ import annotations

from prefect_platform.errors import Conflict
from prefect_platform.server.services import orchestrators, prefect_access, runs
from prefect_platform.server.services.callers import Caller
from prefect_platform.server.services.parts import Parts
from prefect_platform.wire.task_runs import TaskRun, TaskRuns

MOST = 2000
"""Task runs in one answer: a graph of more is nothing that people read."""


async def of_run(parts: Parts, caller: Caller, run_id: str) -> TaskRuns:
    """The first task runs of a run; none of a run that Prefect does not know any more.

    Raises:
        Conflict: the run stands in a Prefect that its agent alone talks to.
        OrchestratorUnavailable: Prefect does not answer.
    """
    async with parts.database.reader() as session:
        row = await runs.own(session, caller, run_id)
        there = await prefect_access.runs_elsewhere(session, parts, [run_id], unserved=True)
    if run_id in there:
        raise Conflict(
            f"Run {run_id} stands in Prefect at {there[run_id]}, which its agent alone talks to: look at its "
            "tasks there."
        )
    found = await (await orchestrators.of(parts, row.project_id)).task_runs(run_id, MOST + 1)
    return TaskRuns(
        items=[
            TaskRun(
                id=one.id,
                name=one.name,
                task_key=one.task_key,
                state_type=one.state_type,
                state_name=one.state_name,
                started_at=one.start_time,
                ended_at=one.end_time,
                upstream=list(one.upstream),
                parent_id=one.parent_id,
            )
            for one in found[:MOST]
        ],
        truncated=len(found) > MOST,
    )
