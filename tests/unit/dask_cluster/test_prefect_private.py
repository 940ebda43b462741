"""Each private part of Prefect that the task runner touches. What fails here was moved by a release."""

from __future__ import annotations

import ast
import inspect
import textwrap
import threading
import uuid
from collections.abc import Callable
from typing import Any, cast

import prefect.context as prefect_context
import prefect.events.utilities as prefect_events
import prefect.task_engine
import pytest
from prefect import flow, task
from prefect._internal.concurrency.services import _QueueServiceBase
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.context import AsyncClientContext, FlowRunContext, SyncClientContext, TaskRunContext
from prefect.events import Event
from prefect.events.clients import AssertingEventsClient
from prefect.events.worker import EventsWorker
from prefect.exceptions import Abort
from prefect.logging.handlers import APILogWorker
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Completed

from prefect_platform.dask_cluster import prefect_private


@task
def double(x: int) -> int:
    return 2 * x


def loop_of(function: Callable[..., Any]) -> str:
    """The loop over the engine, without what surrounds it."""
    for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(function)))):
        if isinstance(node, ast.With | ast.AsyncWith) and "engine.start" in ast.unparse(node.items[0]):
            return "\n".join(ast.unparse(part) for part in node.body)
    raise AssertionError(f"{function} has no loop over an engine")


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (prefect_private.run_sync, prefect.task_engine.run_task_sync),
        (prefect_private.run_async, prefect.task_engine.run_task_async),
    ],
    ids=["sync", "async"],
)
def test_the_loop_over_an_engine_is_prefects(ours: Callable[..., Any], theirs: Callable[..., Any]) -> None:
    assert loop_of(ours) == loop_of(theirs)


@pytest.mark.parametrize("name", ["_Sync", "_Async"])
def test_what_the_engines_override_is_there_and_called(name: str) -> None:
    engine = getattr(prefect_private, name).__mro__[1]
    assert {"call_task_fn", "handle_success"} <= set(vars(engine))
    assert "transaction.is_committed()" in inspect.getsource(engine.call_task_fn)
    assert "self.handle_success(result, transaction=transaction)" in inspect.getsource(engine.call_task_fn)
    assert "self.retries < self.task.retries" in inspect.getsource(engine.handle_retry)


def test_a_refusal_is_what_an_engine_passes_on_without_a_state() -> None:
    assert issubclass(prefect_private.Refused, Abort)
    for engine in (prefect_private.SyncTaskRunEngine, prefect_private.AsyncTaskRunEngine):
        assert "except (Pause, Abort) as exc:" in inspect.getsource(engine.initialize_run)


def test_an_engine_takes_these_arguments() -> None:
    names = set(inspect.signature(prefect_private.SyncTaskRunEngine).parameters)
    assert {"task", "parameters", "task_run", "wait_for", "context", "retries"} <= names


def test_a_new_task_run_has_name_inputs_and_state() -> None:
    source = Completed(data=1)
    source.state_details.task_run_id = "01a21d96-f5e5-73f0-8684-e479aee7ba37"  # type: ignore[assignment]
    run = prefect_private.new_task_run(double, {"x": source}, None, None)
    assert run.name == "double"
    assert [str(one.id) for one in run.task_inputs["x"]] == [source.state_details.task_run_id]  # type: ignore[union-attr]
    assert run.state is not None
    assert run.state.is_pending()
    assert run.state.state_details.task_run_id == run.id


def test_a_task_run_that_is_settled_has_the_state_everywhere_and_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert {"task_run", "initial_state", "validated_state"} <= set(
        inspect.signature(prefect_private.emit_task_run_state_change_event).parameters
    )
    told: list[dict[str, Any]] = []
    monkeypatch.setattr(
        prefect_private, "emit_task_run_state_change_event", lambda **values: told.append(values)
    )
    run = prefect_private.new_task_run(double, {}, None, None)
    before, state = run.state, Completed()
    prefect_private.settle(run, state, None)
    assert (run.state, run.state_id, run.state_name) == (state, state.id, "Completed")
    assert (run.end_time, state.state_details.task_run_id) == (state.timestamp, run.id)
    assert told == [{"task_run": run, "initial_state": before, "validated_state": state}]


def test_events_are_of_the_flow_run_that_is_named_and_of_no_task() -> None:
    flow_run = object()
    with prefect_private._set(FlowRunContext, flow_run), prefect_private._set(TaskRunContext, None):
        assert FlowRunContext.get() is flow_run
        assert TaskRunContext.get() is None
    assert FlowRunContext.get() is None


def test_contexts_that_are_entered_by_hand_are_there() -> None:
    assert prefect_context._deployment_id.get() is None
    assert prefect_context._deployment_parameters.get() is None
    expected = {"settings", "flow_run", "storage_block", "deployment_id", "deployment_parameters"}
    assert set(prefect_private.run_context()) == expected


def test_one_client_serves_all_threads_of_a_worker() -> None:
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}):
        client = SyncPrefectClient("http://127.0.0.1:9/api")
        with prefect_private._shared(client), SyncClientContext.get_or_create() as context:
            assert context.client is client
            assert get_client(sync_client=True) is client
        assert SyncClientContext.get() is None


def test_certificates_of_a_client_can_be_had() -> None:
    import ssl

    client = SyncPrefectClient("https://127.0.0.1:9/api")
    assert isinstance(prefect_private._tls_of(client), ssl.SSLContext)
    assert "_httpx_settings" in AsyncClientContext.__private_attributes__


def test_services_that_send_can_be_drained() -> None:
    for service in (APILogWorker, EventsWorker):
        assert "timeout" in inspect.signature(service.drain_all).parameters
    prefect_private.send_what_waits()


class Recorded(AssertingEventsClient):
    """Fails for one event; notes the rest."""

    async def _emit(self, event: Event) -> None:
        if event.event == "fails":
            raise ValueError(event.event)
        await super()._emit(event)


def test_events_are_sent_some_at_a_time_in_their_order_and_one_that_fails_stops_no_other(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    taken: list[int] = []
    take = prefect_private._EventsTogether._take

    def counted(self: Any) -> list[Any]:
        found = take(self)
        taken.append(len(found))
        return found

    monkeypatch.setattr(prefect_private._EventsTogether, "_take", counted)
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}):
        sender = prefect_private._EventsTogether.instance(Recorded)
        names = [f"event-{number}" for number in range(50)]
        for name in [*names[:25], "fails", *names[25:]]:
            sender.send(Event(event=name, resource={"prefect.resource.id": "one"}))
        sender.drain()
    assert Recorded.last is not None
    assert [event.event for event in Recorded.last.events] == names
    assert len(taken) < 26
    assert not [message for message in caplog.messages if "Still processing" in message]


def test_events_of_this_process_go_the_way_of_those(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prefect_events, "EventsWorker", EventsWorker)
    prefect_private.send_events_together()
    assert "EventsWorker.instance()" in inspect.getsource(prefect_events.emit_event)
    assert cast("Any", prefect_events).EventsWorker is prefect_private._EventsTogether
    assert "self._queue_get_thread.submit(" in inspect.getsource(EventsWorker._main_loop)
    for used in ("start", "shutdown"):
        assert f"self._queue_get_thread.{used}()" in inspect.getsource(_QueueServiceBase)


def test_a_flow_goes_to_workers_without_its_body() -> None:
    lock = threading.Lock()

    @flow(on_failure=[lambda *_: lock.acquire()])
    def locked() -> None:
        lock.acquire()

    shell = prefect_private._without_body({"flow": locked}, "flow")["flow"]
    assert (shell.name, shell.on_failure_hooks) == ("locked", [])
    assert locked.on_failure_hooks
    assert locked.fn is not shell.fn
    with pytest.raises(RuntimeError, match="is not on the workers"):
        shell.fn()


def test_a_future_resolves_suspension_and_links_results() -> None:
    from prefect._flow_run_suspension import raise_if_flow_run_suspension_requested

    raise_if_flow_run_suspension_requested()
    result = object()
    prefect_private.link_result(Completed(data=result), result)


def test_the_id_of_the_block_that_keeps_results_has_to_be_taken_along() -> None:
    """A block loses it on its way, and a result store without it writes to the worker's own disk."""
    from prefect.filesystems import LocalFileSystem
    from prefect.results import ResultStore

    block = LocalFileSystem()
    block._block_document_id = uuid.uuid4()
    store = ResultStore(result_storage=block)
    assert store.result_storage_block_id == block._block_document_id
    travelled = ResultStore.model_validate(store.model_dump(serialize_as_any=True))
    assert travelled.result_storage_block_id is None
