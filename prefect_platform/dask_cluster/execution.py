"""One task run on a worker: the run's context around it, and leave to begin before each execution."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import distributed
from prefect import Task
from prefect.client.schemas.objects import State, TaskRun
from prefect.context import FlowRunContext
from prefect.futures import PrefectFuture
from prefect.states import Cancelled

from prefect_platform.dask_cluster import dask_private, pickling, prefect_private, small_outcomes
from prefect_platform.dask_cluster.failures import made_to_travel
from prefect_platform.dask_cluster.loss import explain
from prefect_platform.dask_cluster.worker_side import Kept, Outcome
from prefect_platform.errors import ClusterUnavailable

_contexts = Kept()
_tasks = Kept()


def run(context: str, task: str, payload: bytes, states: tuple[State[Any], ...]) -> Outcome:
    """The outcome of the task run in `payload`; if it is small, it is on its way to the flow too."""
    worker = distributed.get_worker()
    submitted = pickling.loads(payload, states)
    outcome = Outcome(_with_reason(_state(worker, context, task, submitted), states))
    small_outcomes.send(worker, submitted["client"], submitted["key"], outcome)
    return outcome


def _state(worker: Any, context: str, task: str, submitted: dict[str, Any]) -> State[Any]:
    run_context = _contexts.get(
        context, lambda: prefect_private.RunContext(pickling.loads(_part(worker, context)))
    )
    known = _tasks.get(task, lambda: _part(worker, task))
    this: Task[Any, Any] = pickling.loads(known)
    arguments = {
        "task": this,
        "task_run": submitted["task_run"],
        "parameters": submitted["parameters"],
        "wait_for": submitted["wait_for"],
    }
    gate = Gate(worker, str(submitted["key"]), this)
    with run_context.entered(submitted["own"]):
        try:
            if this.isasync:
                state = asyncio.run(_run_async(run_context, gate, arguments))
            else:
                state = prefect_private.run_sync(gate.before, gate.after, **arguments)
        except prefect_private.Refused as refused:
            return _not_run(submitted["task_run"], gate, str(refused))
    return made_to_travel(state, this.name)


def _with_reason(state: State[Any], upstream: tuple[State[Any], ...]) -> State[Any]:
    """What Prefect says of a task that did not run names the id of one that it depends on: say what that one
    came to, for the flow raises this."""
    for one in upstream if state.name == "NotReady" else ():
        if str(one.state_details.task_run_id) in (state.message or ""):
            why = f"{state.message} It ended as {one.name}: {one.message}"
            return state.model_copy(update={"message": why})
    return state


def _not_run(task_run: TaskRun, gate: Gate, why: str) -> State[Any]:
    """Where the flow has ended, that is what Prefect is told; the worker that has it says all else."""
    state: State[Any] = Cancelled(message=why)
    if gate.refused == "ended":
        prefect_private.settle(task_run, state, FlowRunContext.get())
    return state


async def _run_async(
    run_context: prefect_private.RunContext, gate: Gate, arguments: dict[str, Any]
) -> State[Any]:
    async with run_context.async_client():
        return await prefect_private.run_async(gate.before, gate.after, **arguments)


def _part(worker: Any, digest: str) -> bytes:
    data = dask_private.call_from_worker(worker, "prefect_platform_get", {"digest": digest})
    if data is None:
        raise ClusterUnavailable("The flow that submitted this task has left the cluster.")
    return bytes(data)


class Gate:
    """Asks the ledger before each execution of the user's function, and looks at what it returned."""

    def __init__(self, worker: Any, key: str, task: Task[Any, Any]) -> None:
        self._worker = worker
        self._key = key
        self._task = task
        self._holder = uuid.uuid4().hex
        self.refused = ""

    def before(self, engine: Any) -> None:
        """Leave to execute.

        Raises:
            WorkerLost: an earlier execution was lost with its worker. It counts as a failure of the task, so
                that the task's retries, delays and conditions decide what follows.
            Refused: the flow has ended, or another worker has the execution.
        """
        answer = dask_private.call_from_worker(
            self._worker,
            "prefect_platform_begin",
            {"key": self._key, "holder": self._holder, "worker": self._worker.address},
        )
        if answer["granted"]:
            return
        if "lost" in answer:
            engine.retries = answer["executions"] - 1
            raise explain(self._task.name, answer)
        self.refused = "ended" if answer["ended"] else "held elsewhere"
        raise prefect_private.Refused(f"Task {self._task.name!r} does not run here: {self.refused}.")

    def after(self, result: Any) -> None:
        """That the result can leave this worker.

        Raises:
            CannotTravel: it cannot.
        """
        if _holds_futures(result):
            return
        pickling.check(
            "result", result, f"The result of task {self._task.name!r} cannot leave the worker it was made on"
        )


def _holds_futures(result: Any) -> bool:
    """Futures and states are resolved by the engine after this."""
    parts = result if isinstance(result, list | tuple | set) else (result,)
    return any(isinstance(part, PrefectFuture | State) for part in parts)
