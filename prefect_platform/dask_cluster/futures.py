"""The future of a task run on a cluster. What it returned stays on its worker until somebody asks for it."""

from __future__ import annotations

import concurrent.futures
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import distributed
from distributed.scheduler import KilledWorker
from prefect._flow_run_suspension import raise_if_flow_run_suspension_requested
from prefect.client.schemas.objects import State, TaskRun
from prefect.context import FlowRunContext
from prefect.exceptions import UnfinishedRun
from prefect.futures import PrefectFuture, PrefectFutureList, PrefectWrappedFuture
from prefect.states import Crashed, Pending

from prefect_platform.dask_cluster import dask_private, prefect_private, small_outcomes
from prefect_platform.dask_cluster.lost import ClusterLost, Workers
from prefect_platform.dask_cluster.worker_side import Outcome

R = TypeVar("R")
_thread = threading.local()
LOOK_SECONDS = 5.0
"""Between two looks at the cluster while a flow waits."""


class PlatformFuture(PrefectWrappedFuture[R, distributed.Future[Any]]):
    """A Prefect future around a Dask future.

    `wait` transfers nothing; `result` and `state` bring the result once. All three raise `ClusterLost` when
    the scheduler is gone, or no worker comes back; that ends the flow run as Crashed.
    """

    def __init__(
        self,
        task_run: TaskRun,
        flow_run: FlowRunContext | None,
        wrapped_future: distributed.Future[Any],
        workers: Workers,
    ) -> None:
        super().__init__(task_run.id, wrapped_future)
        self._workers = workers
        self._task_run: TaskRun | None = task_run
        self._name = task_run.name
        self._flow_run = flow_run
        self._lock = threading.Lock()
        self._arrived: bytes | None = None

    def arrived(self, outcome: bytes | None) -> None:
        """It came by itself, or will not (`small_outcomes`). The last word holds: an earlier worker may have
        been lost with what it had."""
        self._arrived = outcome

    def is_on(self, client: distributed.Client) -> bool:
        """Whether tasks of this client can take the result from a worker, and it is not here already."""
        return self._wrapped_future.client is client and self._wrapped_future.status in {
            "pending",
            "finished",
        }

    def wait(self, timeout: float | None = None) -> None:
        """Wait until the task run is over, or `timeout` seconds."""
        if not self._final_state:
            try:
                self._wait(timeout)
            except TimeoutError:
                pass
            else:
                self._raise_if_lost()
        raise_if_flow_run_suspension_requested()

    def add_done_callback(self, fn: Callable[[PrefectFuture[R]], None]) -> None:
        """Call `fn` with this future when it is over.

        Who asks for that within a task, as `as_completed` does, waits next, and nothing tells of that: the
        task leaves its worker's thread to others until its end.
        """
        _leave_the_pool()
        super().add_done_callback(fn)

    def result(self, timeout: float | None = None, raise_on_failure: bool = True) -> R:
        """What the task returned.

        Raises:
            TimeoutError: it was not over within `timeout` seconds.
            UnfinishedRun: it did not run, as one that it depends on had failed.
            ClusterLost: the scheduler is gone, or no worker comes back.
        """
        state = self._final(timeout)
        raise_if_flow_run_suspension_requested()
        if raise_on_failure and state.is_pending():
            raise UnfinishedRun(f"Task run {self._name!r} did not run. {state.message}")
        found: R = prefect_private.result_of(state, raise_on_failure)
        return found

    @property
    def state(self) -> State[R]:
        """The final state with its result, or what Prefect knows now."""
        if not self._final_state and not self._wrapped_future.done():
            return super().state
        return self._final(None)

    def _final(self, timeout: float | None) -> State[R]:
        with self._lock:
            if self._final_state is None:
                state = self._take(timeout)
                self._link(state)
                self._final_state, self._task_run, self._arrived = state, None, None
            return self._final_state

    def _take(self, timeout: float | None) -> State[R]:
        begun = time.monotonic()
        try:
            self._wait(timeout)
            left = None if timeout is None else max(0.0, timeout - (time.monotonic() - begun))
            state: State[R] = self._outcome(left).state
        except (TimeoutError, distributed.TimeoutError) as error:
            raise TimeoutError(
                f"Task run {self.task_run_id} did not complete within {timeout} seconds"
            ) from error
        except concurrent.futures.CancelledError as error:
            self._raise_if_lost()
            return self._settle(Crashed(message=f"The cluster let go of this task run: {error}"))
        except KilledWorker as error:
            return self._settle(self._killed(error))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is why the task run did not end in order
            return self._settle(Crashed(message=f"{type(error).__name__}: {error}", data=error))
        return state

    def _outcome(self, timeout: float | None) -> Outcome:
        if self._arrived is not None and self._wrapped_future.status == "finished":
            return small_outcomes.received(self._arrived)
        outcome: Outcome = self._wrapped_future.result(timeout=timeout)
        return outcome

    def _killed(self, error: KilledWorker) -> State[R]:
        if error.task != self._wrapped_future.key:
            other = str(error.task)[-36:]
            return Pending(
                name="NotReady", message=f"Upstream task run {other!r} did not reach a 'COMPLETED' state."
            )
        worker = error.last_worker
        return Crashed(
            message=f"Worker after worker was lost with this task run before it could begin: "
            f"{error.allowed_failures + 1} of them, the last was {worker.address} (name {worker.name}). "
            "Look at the log of that worker.",
            data=error,
        )

    def give_up(self, state: State[R]) -> None:
        """The flow ends without this task run, which has not begun."""
        with self._lock:
            if self._final_state is None:
                self._final_state = self._settle(state)

    def _settle(self, state: State[R]) -> State[R]:
        if self._task_run is not None:
            prefect_private.settle(self._task_run, state, self._flow_run)
        return state

    def _link(self, state: State[R]) -> None:
        result = getattr(state.data, "result", state.data)
        prefect_private.link_result(state, result)

    def _wait(self, timeout: float | None) -> None:
        """Until it is over, however it ended; TimeoutError if that takes too long."""
        until = None if timeout is None else time.monotonic() + timeout
        while not self._wrapped_future.done():
            left = LOOK_SECONDS if until is None else min(LOOK_SECONDS, until - time.monotonic())
            if left <= 0:
                raise TimeoutError
            with (
                suppress(TimeoutError, concurrent.futures.CancelledError),
                leaving_the_pool(),
                self._wrapped_future.client.as_current(),
            ):
                distributed.wait(self._wrapped_future, timeout=left)
                return
            self._workers.look(self._wrapped_future.client)

    def _raise_if_lost(self) -> None:
        if self._wrapped_future.status != "cancelled":
            return
        try:
            self._wrapped_future.result()
        except concurrent.futures.CancelledError as error:
            if dask_private.lost_scheduler(error):
                raise ClusterLost(
                    "The Dask scheduler of this flow run is gone, and with it every task and result on its "
                    f"cluster. Task run {self.task_run_id} had not been finished, as far as is known."
                ) from None


class PlatformFutureList(PrefectFutureList[PlatformFuture[R]]):
    """What `map` returns. Within a task, waiting for it frees this worker's thread."""

    def wait(self, timeout: float | None = None) -> None:
        with leaving_the_pool():
            super().wait(timeout)

    def result(self, timeout: float | None = None, raise_on_failure: bool = True) -> list[Any]:
        with leaving_the_pool():
            return super().result(timeout, raise_on_failure)


@contextmanager
def leaving_the_pool() -> Iterator[None]:
    """Within a task, waiting for others frees this worker's thread, so that they find one to run on."""
    if not _leave_the_pool():
        yield
        return
    try:
        yield
    finally:
        distributed.rejoin()
        _thread.left = False


def _leave_the_pool() -> bool:
    """Whether it was in it, as the thread of a task."""
    if getattr(_thread, "left", False) or not _runs_a_task():
        return False
    _thread.left = True
    distributed.secede()
    return True


def _runs_a_task() -> bool:
    try:
        distributed.get_worker()
    except ValueError:
        return False
    return True
