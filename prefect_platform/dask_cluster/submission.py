"""From a task and its arguments to a key on the cluster: what all share is sent once, the rest as bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

import distributed
from prefect import Task
from prefect.client.schemas.objects import RunInput, TaskRun
from prefect.context import FlowRunContext, SettingsContext
from prefect.futures import PrefectFuture
from prefect.utilities.annotations import BaseAnnotation

from prefect_platform.dask_cluster import dask_private, pickling, prefect_private
from prefect_platform.dask_cluster.futures import PlatformFuture
from prefect_platform.dask_cluster.lost import Workers
from prefect_platform.dask_cluster.small_outcomes import Arrivals
from prefect_platform.dask_cluster.worker_side import execute
from prefect_platform.errors import CannotTravel


class Submissions:
    """The way of a runner's tasks to one cluster."""

    def __init__(self, client: distributed.Client) -> None:
        self._client = client
        self._sent: set[str] = set()
        self._contexts: dict[tuple[int, int], tuple[str, Any]] = {}
        self._workers = Workers()
        self._arrivals = Arrivals.at(client)
        self._mapped: tuple[Task[Any, Any], str] | None = None

    def submit(
        self,
        task: Task[Any, Any],
        parameters: dict[str, Any],
        wait_for: Iterable[PrefectFuture[Any]] | None,
        dependencies: dict[str, set[RunInput]] | None,
    ) -> PlatformFuture[Any]:
        """Record a task run and give it to the cluster.

        Raises:
            CannotTravel: the task, an argument, or one of the flow's cannot be pickled; nothing was recorded.
        """
        context, known = self._context(), self._task(task)
        task_run = prefect_private.new_task_run(task, parameters, wait_for, dependencies)
        key = f"{task.name}-{task_run.id}"
        payload, upstream = self._payload(task, task_run, key, parameters, wait_for)
        flow_run, pending = FlowRunContext.get(), task_run.state
        assert pending is not None  # a new task run is Pending
        prefect_private.announce(task_run, None, pending, flow_run)
        future = self._client.submit(
            execute, context, known, payload, *upstream, key=key, pure=False, retries=0
        )
        made: PlatformFuture[Any] = PlatformFuture(task_run, flow_run, future, self._workers)
        self._arrivals.expect(key, made)
        return made

    def mapping(self, task: Task[Any, Any] | None) -> None:
        """Within one `map` a task is pickled once; between submissions what it uses may change."""
        self._mapped = (task, self._send_task(task)) if task is not None else None

    def _payload(
        self,
        task: Task[Any, Any],
        task_run: TaskRun,
        key: str,
        parameters: dict[str, Any],
        wait_for: Iterable[PrefectFuture[Any]] | None,
    ) -> tuple[bytes, list[distributed.Future[Any]]]:
        upstream = _Upstream(self._client)
        waited = list(wait_for) if wait_for else None
        whole = {
            "client": self._client.id,
            "key": key,
            "task_run": task_run,
            "parameters": parameters,
            "wait_for": waited,
            "own": prefect_private.task_context(task, task_run),
        }
        why = f"Task {task.name!r} cannot be submitted"
        try:
            return pickling.dumps("task", whole, why, upstream), upstream.futures
        except CannotTravel:
            pickling.first_that_cannot(
                parameters, why + " with this argument {name!r}", _Upstream(self._client)
            )
            raise

    def _task(self, task: Task[Any, Any]) -> str:
        if self._mapped is not None and self._mapped[0] is task:
            return self._mapped[1]
        return self._send_task(task)

    def _send_task(self, task: Task[Any, Any]) -> str:
        return self._send(
            pickling.dumps(task.name, task, f"Task {task.name!r} cannot be submitted for what it uses")
        )

    def _context(self) -> str:
        """The digest of what the tasks of this flow run share. Made again when settings change."""
        settings, flow_run = SettingsContext.get(), FlowRunContext.get()
        identity = (id(settings), id(flow_run))
        if identity not in self._contexts:
            found = prefect_private.run_context()
            if found["flow_run"]:
                why = "The tasks of this flow cannot be submitted for its own argument {name!r}"
                pickling.first_that_cannot(found["flow_run"].get("parameters") or {}, why, None)
            data = pickling.dumps("flow run", found, "The tasks of this flow cannot be submitted")
            # what was looked at is kept, so that its identity is not given to another object
            self._contexts[identity] = (self._send(data), (settings, flow_run))
        return self._contexts[identity][0]

    def _send(self, data: bytes) -> str:
        digest = hashlib.sha256(data).hexdigest()
        if digest not in self._sent:
            dask_private.call_from_client(
                self._client,
                "prefect_platform_put",
                {"client": self._client.id, "digest": digest, "data": data},
            )
            self._sent.add(digest)
        return digest


class _Upstream:
    """Replaces futures in a pickle: those of this cluster by their number, others by their final state."""

    def __init__(self, client: distributed.Client) -> None:
        self._client = client
        self._numbers: dict[str, int] = {}
        self.futures: list[distributed.Future[Any]] = []

    def __call__(self, value: Any) -> Any:
        if isinstance(value, BaseAnnotation):
            # a tuple by birth: pickle alone would wrap its value once more
            return type(value), (value.unwrap(),)
        if not isinstance(value, PrefectFuture):
            return NotImplemented
        if isinstance(value, PlatformFuture) and value.is_on(self._client):
            return pickling.upstream, (self._number(value),)
        value.wait()
        return pickling.same, (value.state,)

    def _number(self, future: PlatformFuture[Any]) -> int:
        key = str(future.wrapped_future.key)
        if key not in self._numbers:
            self._numbers[key] = len(self.futures)
            self.futures.append(future.wrapped_future)
        return self._numbers[key]
