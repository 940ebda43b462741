"""Each private part of distributed that we touch, against a real cluster in this process."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import distributed
import pytest
from distributed.client import FutureCancelledError
from distributed.diagnostics.plugin import SchedulerPlugin

from prefect_platform.dask_cluster import dask_private
from tests import dask_scene


class Answers(SchedulerPlugin):
    name = "answers"

    async def start(self, scheduler: Any) -> None:
        dask_private.add_handlers(scheduler, {"prefect_platform_test": lambda value: ["had", value]})
        dask_private.pass_on(scheduler, "prefect_platform_told")


@pytest.fixture(scope="module")
def client() -> Iterator[distributed.Client]:
    with dask_scene.in_this_process() as found:
        found.register_plugin(Answers())
        yield found


def ask_from_a_task(value: str) -> Any:
    return dask_private.call_from_worker(distributed.get_worker(), "prefect_platform_test", {"value": value})


def test_handlers_answer_clients_and_tasks(client: distributed.Client) -> None:
    assert dask_private.call_from_client(client, "prefect_platform_test", {"value": "1"}) == ["had", "1"]
    assert client.submit(ask_from_a_task, "2").result() == ["had", "2"]


def tell_from_a_task(client: str, key: str, value: str) -> None:
    message = {"client": client, "key": key, "value": value}
    dask_private.tell_scheduler(distributed.get_worker(), "prefect_platform_told", message)


def test_what_a_task_tells_is_at_its_client_before_the_task_is_done(client: distributed.Client) -> None:
    told: list[tuple[str, str]] = []

    def write_down(key: str, value: str) -> None:
        told.append((key, value))

    dask_private.on_message(client, "prefect_platform_told", write_down)
    client.submit(tell_from_a_task, client.id, "own", "1", key="own").result()
    assert told == [("own", "1")]
    client.submit(tell_from_a_task, "a client that has left", "lost", "2", key="lost").result()
    client.submit(tell_from_a_task, client.id, "of another worker", "3", key="third").result()
    client.submit(tell_from_a_task, client.id, "own", "it is done", key="fourth").result()
    assert told == [("own", "1")]


def test_how_long_a_client_looks_for_a_scheduler_that_it_lost() -> None:
    import inspect

    assert "self._timeout" in inspect.getsource(distributed.Client._reconnect)
    alone = distributed.Client.__new__(distributed.Client)
    dask_private.give_up_after(alone, 5.0)
    assert alone._timeout == 5.0


def test_what_is_known_of_a_worker(client: distributed.Client) -> None:
    def facts(dask_scheduler: Any) -> Any:
        return dask_private.worker_facts(dask_scheduler, next(iter(dask_scheduler.workers)))

    found = client.run_on_scheduler(facts)
    assert found["process"] > 0
    assert found["name"] == "0"
    assert found["memory_used"] > 0
    assert found["memory_limit"] > 0


def test_suspicion_is_forgotten(client: distributed.Client) -> None:
    future = client.submit(int, 5, key="suspected")
    future.result()

    def suspect(dask_scheduler: Any) -> int:
        dask_scheduler.tasks["suspected"].suspicious = 3
        dask_private.forgive(dask_scheduler, "suspected")
        dask_private.forgive(dask_scheduler, "never-heard-of")
        return int(dask_scheduler.tasks["suspected"].suspicious)

    assert client.run_on_scheduler(suspect) == 0


def test_the_reason_of_a_lost_scheduler_is_recognised() -> None:
    assert dask_private.lost_scheduler(FutureCancelledError("k", "scheduler-connection-lost"))
    assert not dask_private.lost_scheduler(FutureCancelledError("k", "scheduler-restart"))
    assert 'reason="scheduler-connection-lost"' in _source_of_reconnect()


def _source_of_reconnect() -> str:
    import inspect

    return inspect.getsource(distributed.Client._reconnect)
