"""Everything of Prefect's private side that the task runner touches, each with a test of its own.

A release of Prefect that moves one of these breaks that test and nothing else.
"""

from __future__ import annotations

import copy
import queue
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from typing import Any, cast
from uuid import UUID

import prefect.context as prefect_context
import prefect.events.utilities as prefect_events
from prefect import Flow, Task
from prefect._flow_run_suspension import raise_if_flow_run_suspension_requested
from prefect._internal.concurrency.api import create_call
from prefect._internal.uuid7 import uuid7
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import TERMINAL_STATES, RunInput, State, TaskRun
from prefect.context import (
    AssetContext,
    AsyncClientContext,
    FlowRunContext,
    SettingsContext,
    SyncClientContext,
    TagsContext,
    TaskRunContext,
)
from prefect.events.worker import EventsWorker
from prefect.exceptions import Abort
from prefect.logging.configuration import ensure_logging_setup
from prefect.logging.handlers import APILogWorker
from prefect.task_engine import AsyncTaskRunEngine, SyncTaskRunEngine, _create_task_run_locally
from prefect.utilities.engine import emit_task_run_state_change_event, link_state_to_task_run_result

from prefect_platform.dask_cluster.pace import Recorded

FLUSH_SECONDS = 5.0
"""How long a worker may need to send the logs and events that it still has."""
TOGETHER_SECONDS = 0.05
"""What comes within this time of an event is sent with it."""


def new_task_run(
    task: Task[Any, Any],
    parameters: dict[str, Any],
    wait_for: Any,
    dependencies: dict[str, set[RunInput]] | None,
) -> TaskRun:
    """The task run as the engine would make it: name, tags, inputs and parents, seen from here."""
    return _create_task_run_locally(
        task=task,
        id=uuid7(),
        parameters=parameters,
        flow_run_context=FlowRunContext.get(),
        parent_task_run_context=TaskRunContext.get(),
        wait_for=wait_for,
        extra_task_inputs=dependencies,
    )


def announce(
    task_run: TaskRun, before: State[Any] | None, after: State[Any], flow_run: FlowRunContext | None
) -> Any:
    """Tell Prefect that a task run came into a state.

    Prefect takes the flow run from the context in which the event is sent, so that is set: a task runner ends
    after the context of its flow, and a result may be asked for in any thread.
    """
    with _set(FlowRunContext, flow_run), _set(TaskRunContext, None):
        return emit_task_run_state_change_event(
            task_run=task_run, initial_state=before, validated_state=after
        )


@contextmanager
def _set(kind: Any, value: Any) -> Iterator[None]:
    """`kind.get()` is `value`; None stands for none at all."""
    token = kind.__var__.set(value)
    try:
        yield
    finally:
        kind.__var__.reset(token)


def settle(task_run: TaskRun, state: State[Any], flow_run: FlowRunContext | None) -> None:
    """Bring a task run into a final state that no engine could report, and tell Prefect."""
    before, task_run.state = task_run.state, state
    state.state_details.task_run_id = task_run.id
    state.state_details.flow_run_id = task_run.flow_run_id
    task_run.state_id, task_run.state_type, task_run.state_name = state.id, state.type, state.name
    task_run.end_time = cast("Any", state.timestamp)
    announce(task_run, before, state, flow_run)


def task_runs_recorded(flow_run_id: UUID) -> Recorded:
    """How many task runs of a flow run Prefect knows, and how many of them as ended.

    Raises:
        httpx.HTTPError: it does not answer, or refuses.
    """
    run = {"flow_runs": {"id": {"any_": [str(flow_run_id)]}}}
    ended = {"task_runs": {"state": {"type": {"any_": [kind.value for kind in TERMINAL_STATES]}}}}
    with SyncClientContext.get_or_create() as context:
        counts = [
            context.client.request("POST", "/task_runs/count", json=query).json()
            for query in (run, run | ended)
        ]
    return Recorded(known=int(counts[0]), ended=int(counts[1]))


def result_of(state: State[Any], raise_on_failure: bool) -> Any:
    """The result in a final state, or its exception, without a loop of our own."""
    answer: Any = cast("Any", state).result(raise_on_failure=raise_on_failure, _sync=True)
    return answer


def link_result(state: State[Any], result: Any) -> None:
    """Let a task that is given `result` know which task run it came from."""
    link_state_to_task_run_result(state, result)


def run_context() -> dict[str, Any]:
    """What all tasks of a flow run share: settings, the flow run, where results are kept."""
    flow_run, settings = FlowRunContext.get(), SettingsContext.get()
    deployment = prefect_context._deployment_id.get()  # noqa: SLF001
    return {
        "settings": settings.serialize() if settings else None,
        "flow_run": _without_body(flow_run.serialize(), "flow") if flow_run else None,
        "storage_block": _storage_block(flow_run) if flow_run else None,
        "deployment_id": deployment,
        "deployment_parameters": prefect_context._deployment_parameters.get(),  # noqa: SLF001
    }


def _storage_block(context: FlowRunContext | TaskRunContext) -> Any:
    """The id of the block that keeps results. It does not travel with a block, and without it results of a
    worker would be taken for files of that worker."""
    return getattr(context.result_store.result_storage, "_block_document_id", None)


def _with_storage_block(context: FlowRunContext | TaskRunContext, block: Any) -> None:
    """The same on the worker, where the context was made again."""
    if block is not None and context.result_store.result_storage is not None:
        context.result_store.result_storage._block_document_id = block  # noqa: SLF001


def _without_body(fields: dict[str, Any], kind: str) -> dict[str, Any]:
    """Workers need to know of a flow or parent task, not to call it: its body may use what cannot travel."""
    shell = copy.copy(fields[kind])
    shell.fn = shell.__wrapped__ = _stays_behind
    for name, value in vars(shell).items():
        if name.endswith("_hooks") and isinstance(value, list):
            setattr(shell, name, [])
    return fields | {kind: shell}


def _stays_behind() -> None:
    raise RuntimeError("The body of a flow or of a parent task is not on the workers: call it where it is.")


def task_context(task: Task[Any, Any], task_run: TaskRun) -> dict[str, Any]:
    """What belongs to one submission: tags, the task that submits, assets."""
    parent = TaskRunContext.get()
    return {
        "tags": set(TagsContext.get().current_tags),
        "parent": _without_body(parent.serialize() | {"parameters": {}}, "task") if parent else None,
        "parent_storage_block": _storage_block(parent) if parent else None,
        "assets": _assets(task, task_run),
    }


def _assets(task: Task[Any, Any], task_run: TaskRun) -> dict[str, Any] | None:
    flow_run = FlowRunContext.get()
    known = bool(flow_run and flow_run.task_run_assets)
    if not known and not task.asset_deps and not getattr(task, "assets", None):
        return None
    found = AssetContext.from_task_and_inputs(
        task=task,
        task_run_id=task_run.id,
        task_inputs={name: set(inputs) for name, inputs in task_run.task_inputs.items()},
        copy_to_child_ctx=True,
    )
    return found.serialize()


class RunContext:
    """On a worker: what `run_context` took along, made once and entered for every task."""

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self._fields = fields
        ensure_logging_setup()
        send_events_together()
        self._settings = SettingsContext(**fields["settings"]) if fields["settings"] else None
        with self._in_settings():
            self._client = get_client(sync_client=True)
            self._client.__enter__()
            self._flow_run = self._make_flow_run(self._client)

    def _make_flow_run(self, client: SyncPrefectClient) -> FlowRunContext | None:
        fields = self._fields["flow_run"]
        if not fields:
            return None
        _rebuild_models()
        runner = fields["flow"].task_runner.duplicate()
        runner.__enter__()
        made = FlowRunContext(**fields, client=client, task_runner=runner, detached=True)
        _with_storage_block(made, self._fields["storage_block"])
        return made

    @contextmanager
    def _in_settings(self) -> Iterator[None]:
        with self._settings.model_copy() if self._settings else ExitStack():
            yield

    @contextmanager
    def entered(self, own: Mapping[str, Any]) -> Iterator[None]:
        """Around one task: the run's context, and what is the task's `own` (`task_context`)."""
        with ExitStack() as stack:
            stack.enter_context(self._in_settings())
            stack.enter_context(_shared(self._client))
            if self._flow_run is not None:
                fresh: dict[str, Any] = {
                    "run_results": {},
                    "task_run_assets": {},
                    "task_run_dynamic_keys": {},
                }
                stack.enter_context(self._flow_run.model_copy(update=fresh))
            self._enter_own(stack, own)
            _enter_deployment(stack, self._fields)
            yield

    def _enter_own(self, stack: ExitStack, own: Mapping[str, Any]) -> None:
        if own["parent"]:
            parent = TaskRunContext(**own["parent"], client=self._client)
            _with_storage_block(parent, own["parent_storage_block"])
            stack.enter_context(parent)
        if own["tags"]:
            stack.enter_context(TagsContext(current_tags=own["tags"]))
        if own["assets"]:
            stack.enter_context(AssetContext(**own["assets"]))

    @asynccontextmanager
    async def async_client(self) -> Any:
        """An asynchronous client for one event loop, with the certificates that were read already."""
        verify = _tls_of(self._client)
        context = AsyncClientContext(httpx_settings={"verify": verify} if verify else None)
        context._httpx_settings = None  # noqa: SLF001  # so that every get_client() takes this one
        async with context:
            yield


def _enter_deployment(stack: ExitStack, fields: Mapping[str, Any]) -> None:
    for variable, value in (
        (prefect_context._deployment_id, fields["deployment_id"]),  # noqa: SLF001
        (prefect_context._deployment_parameters, fields["deployment_parameters"]),  # noqa: SLF001
    ):
        if value:
            undo: Any = variable.reset
            stack.callback(undo, variable.set(value))


@contextmanager
def _shared(client: SyncPrefectClient) -> Iterator[None]:
    """One open client for all threads of a worker: each needs a context of its own that never closes it."""
    context = SyncClientContext.model_construct(client=client)
    context._context_stack = 1  # noqa: SLF001
    token = SyncClientContext.__var__.set(context)
    try:
        yield
    finally:
        SyncClientContext.__var__.reset(token)


def _tls_of(client: SyncPrefectClient) -> Any:
    """The certificates that a client has read."""
    pool = getattr(client._client._transport, "_pool", None)  # noqa: SLF001
    return getattr(pool, "_ssl_context", None)


def _rebuild_models() -> None:
    from prefect._internal.result_records import ResultRecordMetadata

    types: dict[str, Any] = {"Flow": Flow, "Task": Task, "ResultRecordMetadata": ResultRecordMetadata}
    FlowRunContext.model_rebuild(_types_namespace=types)
    TaskRunContext.model_rebuild(_types_namespace=types)


class Refused(Abort):
    """A task run that may not be executed here. The engine passes this on and reports no state for it."""


Before = Callable[[Any], None]
"""Called with the engine right before each execution of the user's function; it may raise the outcome."""
After = Callable[[Any], None]
"""Called with what the user's function returned; it may raise the outcome."""


class _Sync(SyncTaskRunEngine[Any, Any]):
    before: Before
    after: After

    def call_task_fn(self, transaction: Any) -> Any:
        if not transaction.is_committed():
            self.before(self)
        return super().call_task_fn(transaction)

    def handle_success(self, result: Any, transaction: Any) -> Any:
        self.after(result)
        return super().handle_success(result, transaction)


class _Async(AsyncTaskRunEngine[Any, Any]):
    before: Before
    after: After

    async def call_task_fn(self, transaction: Any) -> Any:
        if not transaction.is_committed():
            self.before(self)
        return await super().call_task_fn(transaction)

    async def handle_success(self, result: Any, transaction: Any) -> Any:
        self.after(result)
        return await super().handle_success(result, transaction)


def run_sync(before: Before, after: After, **arguments: Any) -> State[Any]:
    """`prefect.task_engine.run_task_sync` with two hooks; its loop is compared with Prefect's by a test."""
    engine = _Sync(**arguments)
    engine.before, engine.after = before, after
    try:
        with engine.start():
            while engine.is_running():
                engine.wait_until_ready()
                with engine.asset_context(), engine.run_context(), engine.transaction_context() as txn:
                    engine.call_task_fn(txn)
                raise_if_flow_run_suspension_requested()
    except BaseException:
        if not _is_settled(engine):
            raise
    return engine.state


async def run_async(before: Before, after: After, **arguments: Any) -> State[Any]:
    """The same for `run_task_async`."""
    engine = _Async(**arguments)
    engine.before, engine.after = before, after
    try:
        async with engine.start():
            while engine.is_running():
                await engine.wait_until_ready()
                async with engine.asset_context(), engine.run_context(), engine.transaction_context() as txn:
                    await engine.call_task_fn(txn)
                raise_if_flow_run_suspension_requested()
    except BaseException:
        if not _is_settled(engine):
            raise
    return engine.state


def _is_settled(engine: Any) -> bool:
    """Whether the engine gave its run a final state before it raised: then that is the outcome."""
    return engine.task_run is not None and bool(engine.state.is_final())


def cancel_event() -> threading.Event:
    """What an engine looks at before it calls the user's function (`context["cancel_event"]`)."""
    return threading.Event()


def send_what_waits() -> None:
    """Send logs and events that this process still has, and wait for it."""
    APILogWorker.drain_all(timeout=FLUSH_SECONDS)
    EventsWorker.drain_all(timeout=FLUSH_SECONDS)


def send_events_together() -> None:
    """From now on events of this process are sent some at a time.

    Prefect's own sender changes threads twice for each event. With three events a task run that costs the
    flow and the workers a sixth of their time.
    """
    cast("Any", prefect_events).EventsWorker = _EventsTogether


class _EventsTogether(EventsWorker):
    """Prefect's sender in all but how it takes what it sends from its queue."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._ending = threading.Event()
        self._queue_get_thread = cast("Any", _Together(self._queue_get_thread, self._take, self._rest))

    def _take(self) -> list[Any]:
        first = self._queue.get()
        self._ending.wait(TOGETHER_SECONDS)
        return [first, *self._rest()]

    def _rest(self) -> list[Any]:
        found: list[Any] = []
        with suppress(queue.Empty):
            while True:
                found.append(self._queue.get_nowait())
        return found

    def _stop(self, at_exit: bool = False) -> None:
        super()._stop(at_exit)
        self._ending.set()


class _Together:
    """Stands where the sender has the thread that gets one event for it, and gets all that there are."""

    def __init__(self, thread: Any, take: Callable[[], list[Any]], rest: Callable[[], list[Any]]) -> None:
        self.start, self.shutdown = thread.start, thread.shutdown
        self._thread, self._take, self._rest = thread, take, rest
        self._taken: deque[Any] = deque()

    def submit(self, _: Any) -> _Together:
        return self

    async def aresult(self) -> Any:
        if self._taken:
            # of what is left in the queue at its end Prefect's loop warns, be it the word to end alone
            self._taken.extend(self._rest())
        else:
            self._taken.extend(await self._thread.submit(create_call(self._take)).aresult())
        return self._taken.popleft()


def when_loaded(change: Callable[[Any], Any]) -> None:
    """Have the engine of this process run what `change` makes of the flow that it loads."""
    from prefect import flow_engine

    load = flow_engine.load_flow

    def load_flow(flow_run: Any) -> Any:
        return change(load(flow_run))

    flow_engine.load_flow = load_flow
