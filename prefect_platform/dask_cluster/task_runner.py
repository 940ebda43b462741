"""Prefect's tasks on a Dask cluster, recorded as by any task runner, without what it costs elsewhere.

Every submission is one small message: what the tasks of a run share is fetched once by each worker.
Dask may give a task run to a second worker when the first is lost, and the ledger on the scheduler keeps it
from running the user's function again unless the task has retries.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from types import TracebackType
from typing import Any, Self

import distributed
from distributed.deploy.cluster import Cluster
from prefect import Task
from prefect.client.schemas.objects import RunInput
from prefect.context import FlowRunContext
from prefect.futures import PrefectFuture, PrefectFutureList
from prefect.task_runners import TaskRunner

from prefect_platform.dask_cluster import prefect_private
from prefect_platform.dask_cluster.connecting import Link, connect
from prefect_platform.dask_cluster.discovery import Connection
from prefect_platform.dask_cluster.ending import end_tasks, flush_workers
from prefect_platform.dask_cluster.futures import PlatformFuture, PlatformFutureList
from prefect_platform.dask_cluster.pace import Pace
from prefect_platform.dask_cluster.submission import Submissions
from prefect_platform.errors import UsageError

PRUNE_EVERY = 256
"""Submissions after which futures that are done are let go."""


class PlatformTaskRunner(TaskRunner[PlatformFuture[Any]]):
    """Runs a flow's tasks on a Dask cluster.

    Args:
        cluster: a running cluster: a `PlatformCluster`, a `LocalCluster`, any `distributed` cluster.
        address: the address of a scheduler, such as `tcp://10.0.0.7:8786`, instead of a cluster.
        security: certificates for that address.

    With none of them the run's own cluster is found, and waited for; within a task on a worker, the worker's.

    Raises:
        UsageError: both `cluster` and `address`, or `security` without an `address`.
    """

    def __init__(
        self,
        cluster: Cluster | None = None,
        *,
        address: str | None = None,
        security: distributed.Security | None = None,
    ) -> None:
        if cluster is not None and (address or security):
            raise UsageError(
                "PlatformTaskRunner takes a cluster=, or an address= with its security=, not both."
            )
        if security is not None and not address:
            raise UsageError("PlatformTaskRunner takes security= with the address= that it is for.")
        super().__init__()  # type: ignore[no-untyped-call]
        self._cluster, self._address, self._security = cluster, address, security
        self._link: Link | None = None
        self._submissions: Submissions | None = None
        self._unfinished: dict[str, PlatformFuture[Any]] = {}
        self._pace: Pace | None = None
        self._running: weakref.WeakSet[PlatformTaskRunner] = weakref.WeakSet()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PlatformTaskRunner) and self._target() == other._target()

    def __hash__(self) -> int:
        return hash(self._target())

    def _target(self) -> tuple[Any, ...]:
        return (id(self._cluster) if self._cluster is not None else None, self._address)

    def __reduce__(self) -> tuple[Any, ...]:
        """A flow goes to workers with its runner: only where the cluster is goes along."""
        where = self._where()
        return _with_address, (type(self), where.address if where else None)

    def duplicate(self) -> PlatformTaskRunner:
        """A runner for one run of the flow. `cancel_all` of this one reaches it."""
        made = type(self)(self._cluster, address=self._address, security=self._security)
        self._running.add(made)
        return made

    @property
    def client(self) -> distributed.Client:
        """The Dask client of this run: connects when it is first asked for.

        Raises:
            RuntimeError: the runner was not started.
            ClusterUnavailable: there is no such cluster, or it did not become ready.
            UsageError: versions of Python, dask, distributed or Prefect differ.
        """
        return self._connected().client

    def __enter__(self) -> Self:
        prefect_private.send_events_together()
        return super().__enter__()

    def _connected(self) -> Link:
        if not self._started:
            raise RuntimeError("The task runner must be started before submitting work.")
        if self._link is None:
            self._link = connect(self._where())
            self.logger.info(f"Tasks run on the Dask cluster at {self._link.address}")
        return self._link

    def _where(self) -> Connection | None:
        if self._cluster is not None:
            security = getattr(self._cluster, "security", None)
            return Connection(str(self._cluster.scheduler_address), security or None)
        return Connection(self._address, self._security) if self._address else None

    def _way(self) -> Submissions:
        if self._submissions is None:
            self._submissions = Submissions(self._connected().client)
            self._pace = self._pace_of(FlowRunContext.get())
        return self._submissions

    def _pace_of(self, context: FlowRunContext | None) -> Pace | None:
        if context is None or context.flow_run is None:
            return None
        return Pace(partial(prefect_private.task_runs_recorded, context.flow_run.id), self.logger)

    def submit(
        self,
        task: Task[Any, Any],
        parameters: dict[str, Any],
        wait_for: Iterable[PrefectFuture[Any]] | None = None,
        dependencies: dict[str, set[RunInput]] | None = None,
    ) -> PlatformFuture[Any]:
        """Give one task run to the cluster.

        Raises:
            CannotTravel: an argument or something the task uses cannot be pickled.
        """
        future = self._way().submit(task, parameters, wait_for, dependencies)
        self._unfinished[str(future.wrapped_future.key)] = future
        if len(self._unfinished) % PRUNE_EVERY == 0:
            self._prune()
        if self._pace is not None:
            self._pace.step(self._ended)
        return future

    def map(
        self,
        task: Task[Any, Any],
        parameters: dict[str, Any],
        wait_for: Iterable[PrefectFuture[Any]] | None = None,
    ) -> PrefectFutureList[PlatformFuture[Any]]:
        """One task run for each element; the task travels once."""
        way = self._way()
        way.mapping(task)
        try:
            futures = super().map(task, parameters, wait_for)
            return PlatformFutureList(futures)  # type: ignore[abstract]  # a list, which Prefect calls an iterator
        finally:
            way.mapping(None)

    def _prune(self) -> None:
        self._unfinished = {
            key: future for key, future in self._unfinished.items() if not future.wrapped_future.done()
        }

    def _ended(self) -> int:
        self._prune()
        return self._pace.submitted - len(self._unfinished) if self._pace else 0

    def cancel_all(self) -> None:
        """Let no task begin any more, here and in the running duplicates of this runner."""
        for runner in self._running:
            runner.cancel_all()
        if self._link is not None:
            end_tasks(self._link.client, self._unfinished, wait=False)

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Tasks that run are waited for, others do not begin; then workers send their logs and events."""
        link, self._link, self._submissions = self._link, None, None
        try:
            if link is not None and link.is_alive():
                orderly = exc_type is None or issubclass(exc_type, Exception)
                end_tasks(link.client, self._unfinished, wait=orderly)
                flush_workers(link)
        finally:
            self._unfinished = {}
            if link is not None:
                with suppress(TimeoutError):
                    link.close()
            super().__exit__(exc_type, exc_value, traceback)


def _with_address(kind: type[PlatformTaskRunner], address: str | None) -> PlatformTaskRunner:
    return kind(address=address)
