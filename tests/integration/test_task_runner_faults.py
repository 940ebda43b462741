"""The task runner where something goes wrong: what is killed, what cannot travel, what differs."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextvars import copy_context
from pathlib import Path
from typing import Any
from uuid import UUID

import distributed
import pytest
from prefect import flow, unmapped
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.exceptions import UnfinishedRun
from prefect.futures import wait
from prefect.runtime import flow_run
from prefect.settings import PREFECT_API_URL, PREFECT_LOGGING_TO_API_BATCH_INTERVAL, temporary_settings

from prefect_platform.dask_cluster import PlatformTaskRunner, pace, prefect_private
from prefect_platform.dask_cluster.futures import PlatformFuture
from prefect_platform.dask_cluster.lost import ClusterLost, Workers
from prefect_platform.errors import CannotTravel, ClusterUnavailable, ResultLost, UsageError, WorkerLost
from tests import dask_faults, dask_scene
from tests.dask_processes import DaskProcesses

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module", autouse=True)
def api(prefect_server: str) -> Iterator[str]:
    with temporary_settings({PREFECT_API_URL: prefect_server, PREFECT_LOGGING_TO_API_BATCH_INTERVAL: 0.2}):
        yield prefect_server


@pytest.fixture(scope="module")
def cluster() -> Iterator[distributed.LocalCluster]:
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, scheduler_kwargs=dask_scene.NO_PORT_TO_SHARE
    ) as found:
        yield found


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[DaskProcesses]:
    with DaskProcesses(tmp_path) as found:
        yield found


def test_a_worker_killed_by_its_task_fails_that_task_alone(
    cluster: distributed.LocalCluster, tmp_path: Path
) -> None:
    @flow(task_runner=PlatformTaskRunner(cluster))
    def killing() -> Any:
        dying = dask_faults.kills_its_worker.submit(tmp_path)
        others = dask_faults.echo.map(list(range(10)))
        following = dask_faults.echo.submit(dying)
        wait([dying, following])
        return dying.state, following.state.name, others.result()

    died, following, others = killing()
    assert dask_faults.marks(tmp_path, "kills") == 1
    error = died.result(raise_on_failure=False)
    assert isinstance(error, WorkerLost)
    assert "process" in error.message
    assert "'kills-its-worker'" in error.message or "'kills_its_worker'" in error.message
    assert (following, others) == ("NotReady", list(range(10)))


def test_the_tasks_own_retries_run_it_again(
    cluster: distributed.LocalCluster, tmp_path: Path, api: str
) -> None:
    @flow(task_runner=PlatformTaskRunner(cluster))
    def retrying() -> Any:
        return dask_faults.kills_its_worker.with_options(retries=2).submit(tmp_path, times=2).result()

    run_id, state = dask_scene.run(retrying)
    assert state.result() == "survived"
    assert dask_faults.marks(tmp_path, "kills") == 3
    assert dask_scene.until(lambda: len(dask_scene.recorded(api, run_id, state).task_runs) == 1)


def test_retries_that_are_used_up(cluster: distributed.LocalCluster, tmp_path: Path) -> None:
    @flow(task_runner=PlatformTaskRunner(cluster))
    def retrying() -> Any:
        future = dask_faults.kills_its_worker.with_options(retries=1).submit(tmp_path, times=9)
        return future.result(raise_on_failure=False)

    assert isinstance(retrying(), WorkerLost)
    assert dask_faults.marks(tmp_path, "kills") == 2


def test_a_result_lost_with_its_worker_is_not_computed_again(
    cluster: distributed.LocalCluster, tmp_path: Path
) -> None:
    @flow(task_runner=PlatformTaskRunner(cluster))
    def losing() -> Any:
        first = dask_faults.marked.submit(tmp_path, "first")
        first.wait()
        _kill_holder(first)
        following = dask_faults.echo.submit(first)
        following.wait()
        return first.state, following.state.name

    first, following = losing()
    assert isinstance(first.result(raise_on_failure=False), ResultLost)
    assert following == "NotReady"
    assert dask_faults.marks(tmp_path, "first") == 1


def test_a_persisted_result_survives_its_worker(cluster: distributed.LocalCluster, tmp_path: Path) -> None:
    task = dask_faults.marked.with_options(
        cache_policy=None, persist_result=True, result_storage_key="kept-{task_run.id}"
    )

    @flow(task_runner=PlatformTaskRunner(cluster))
    def keeping() -> Any:
        first = task.submit(tmp_path, "kept")
        first.wait()
        _kill_holder(first)
        return dask_faults.echo.submit(first).result()

    assert keeping() == "kept"
    assert dask_faults.marks(tmp_path, "kept") == 1


def _kill_holder(future: PlatformFuture[Any]) -> None:
    """Kill the worker that has the result, and wait until the scheduler has noticed."""
    client = future.wrapped_future.client
    holder = next(iter(client.who_has([future.wrapped_future]).values()))[0]
    os.kill(client.run(os.getpid, workers=[holder])[holder], signal.SIGKILL)
    assert dask_scene.until(lambda: holder not in client.scheduler_info(n_workers=-1)["workers"])


def test_a_dead_scheduler_ends_the_flow_as_crashed(
    processes: DaskProcesses, tmp_path: Path, api: str
) -> None:
    go_on = tmp_path / "never"

    @flow(task_runner=PlatformTaskRunner(address=processes.address))
    def orphaned() -> Any:
        future = dask_faults.marked.submit(tmp_path, "runs", go_on)
        assert dask_scene.until(lambda: dask_faults.marks(tmp_path, "runs") == 1)
        threading.Timer(0.2, processes.kill_scheduler).start()
        return future.result()

    with pytest.raises(ClusterLost, match="scheduler of this flow run is gone"):
        orphaned()
    go_on.touch()


def test_no_worker_left_ends_the_flow_as_crashed(
    processes: DaskProcesses, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("prefect_platform.dask_cluster.futures.LOOK_SECONDS", 0.2)
    monkeypatch.setattr(Workers.__init__, "__defaults__", (0.5,))

    @flow(task_runner=PlatformTaskRunner(address=processes.address))
    def deserted() -> Any:
        future = dask_faults.marked.submit(tmp_path, "runs", tmp_path / "never")
        assert dask_scene.until(lambda: dask_faults.marks(tmp_path, "runs") == 1)
        processes.kill_workers()
        return future.result()

    with pytest.raises(ClusterLost, match="no worker for"):
        deserted()


def test_all_workers_killed_and_replaced(processes: DaskProcesses, tmp_path: Path) -> None:
    go_on = tmp_path / "go"

    @flow(task_runner=PlatformTaskRunner(address=processes.address))
    def replaced() -> Any:
        running = dask_faults.marked.submit(tmp_path, "runs", go_on)
        waiting = dask_faults.marked.map(tmp_path, ["a", "b", "c"])
        assert dask_scene.until(lambda: dask_faults.marks(tmp_path, "runs") == 1)
        processes.kill_workers()
        go_on.touch()
        processes.add_worker()
        running.wait()
        wait(waiting)
        return running.state, [future.state.name for future in waiting]

    running, waiting = replaced()
    assert isinstance(running.result(raise_on_failure=False), WorkerLost)
    assert dask_faults.marks(tmp_path, "runs") == 1
    assert all(dask_faults.marks(tmp_path, name) <= 1 for name in "abc")
    assert set(waiting) <= {"Completed", "Failed"}


def test_an_argument_that_cannot_travel_is_named(cluster: distributed.LocalCluster) -> None:
    @flow(task_runner=PlatformTaskRunner(cluster))
    def stuck() -> Any:
        return dask_faults.echo.submit({"pool": [threading.Lock()]})

    with pytest.raises(CannotTravel, match=r"'echo'.*'value'.*`value\['pool'\]\[0\]` is a lock"):
        stuck()


def test_an_argument_of_the_flow_that_cannot_travel_is_named(cluster: distributed.LocalCluster) -> None:
    @flow(task_runner=PlatformTaskRunner(cluster), validate_parameters=False)
    def stuck(lock: Any) -> Any:
        return dask_faults.echo.submit(1)

    with pytest.raises(CannotTravel, match=r"its own argument 'lock'.*`lock` is a lock"):
        stuck(threading.Lock())


def test_a_flow_may_use_what_cannot_travel(cluster: distributed.LocalCluster) -> None:
    with distributed.Client(cluster, set_as_default=False) as client:

        @flow(task_runner=PlatformTaskRunner(cluster))
        def closing_over() -> Any:
            return dask_faults.echo.submit(1).result() + len(client.scheduler_info()["workers"])

        assert closing_over() == 3


def test_a_result_that_cannot_travel_is_named(cluster: distributed.LocalCluster) -> None:
    @flow(task_runner=PlatformTaskRunner(cluster))
    def stuck() -> Any:
        return dask_faults.returns_a_lock.submit().result(raise_on_failure=False)

    error = stuck()
    assert isinstance(error, CannotTravel)
    assert "`result['inner'][0]` is a lock" in error.message


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (
            "stuck",
            "Stuck: stuck. ",
        ),
        ("demanding", "Demanding: 7: no. "),
    ],
)
def test_an_error_that_cannot_travel_is_told(cluster: distributed.LocalCluster, kind: str, said: str) -> None:
    @flow(task_runner=PlatformTaskRunner(cluster))
    def failing() -> Any:
        future = dask_faults.raises.submit(kind)
        return future.result(raise_on_failure=False), future.state.name, future.state.message

    error, name, message = failing()
    assert isinstance(error, CannotTravel)
    assert error.message.startswith(f"Task 'raises' raised {said}The error itself stays on its worker, as it")
    assert "in raises" in "".join(error.__notes__)
    assert (name, message) == ("Failed", f"Task run encountered an exception {said.rstrip('. ')}")


@pytest.mark.parametrize("how", ["result", "as_completed", "wait"])
def test_tasks_that_wait_for_tasks_leave_room_for_them(cluster: distributed.LocalCluster, how: str) -> None:
    @flow(task_runner=PlatformTaskRunner(cluster))
    def nesting() -> Any:
        return dask_faults.sums.map(unmapped(how), [[1, 2], [3, 4], [5, 6], [7, 8]]).result(timeout=60)

    assert nesting() == [3, 7, 11, 15]


def test_results_of_nested_tasks_are_kept_where_the_flow_keeps_its_own(
    cluster: distributed.LocalCluster, tmp_path: Path
) -> None:
    dask_faults.Shelf(folder=str(tmp_path)).save("kept", overwrite=True)
    with distributed.Client(cluster, set_as_default=False) as client:
        client.run(dask_faults.known)

    @flow(task_runner=PlatformTaskRunner(cluster), result_storage="shelf/kept")
    def nesting() -> Any:
        run = UUID(flow_run.id)
        found = dask_faults.keeps.submit("a value").result()
        assert dask_scene.until(lambda: prefect_private.task_runs_recorded(run).ended == 2)
        with get_client(sync_client=True) as client:
            filter_ = FlowRunFilter(id=FlowRunFilterId(any_=[run]))
            return found, [one.state_name for one in client.read_task_runs(flow_run_filter=filter_)]

    assert nesting() == ("a value", ["Completed"] * 2)
    assert len(list(tmp_path.iterdir())) == 3  # with that of the flow


def test_a_task_that_did_not_run_says_for_what(cluster: distributed.LocalCluster) -> None:
    @flow(task_runner=PlatformTaskRunner(cluster))
    def following() -> Any:
        return dask_faults.echo.submit(dask_faults.fails.submit()).result()

    with pytest.raises(UnfinishedRun, match=r"'echo-\w+' did not run\. .* Failed: .*ValueError: no such day"):
        following()


def test_a_large_result_stays_on_its_worker_until_asked_for(cluster: distributed.LocalCluster) -> None:
    size = 256 * 1024**2

    @flow(task_runner=PlatformTaskRunner(cluster))
    def heavy() -> Any:
        future = dask_faults.large.submit(size)
        measured = dask_faults.length.submit(future).result()
        future.wait()
        stayed = future._final_state is None
        return measured, stayed, len(future.result())

    assert heavy() == (size, True, size)


def test_small_results_need_not_be_asked_for(cluster: distributed.LocalCluster) -> None:
    def sent(dask_worker: Any) -> int:
        return int(dask_worker.transfer_outgoing_count_total)

    @flow(task_runner=PlatformTaskRunner(cluster))
    def light() -> Any:
        futures = dask_faults.echo.map(list(range(20)))
        wait(futures)
        client = futures[0].wrapped_future.client
        counts = [sum(client.run(sent).values())]
        results = [future.result() for future in futures]
        counts.append(sum(client.run(sent).values()))
        whole = dask_faults.large.submit(10_000).result()
        counts.append(sum(client.run(sent).values()))
        return results, len(whole), [count - counts[0] for count in counts]

    assert light() == (list(range(20)), 10_000, [0, 0, 1])


def test_submissions_wait_for_a_server_that_cannot_keep_up(
    cluster: distributed.LocalCluster, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name, value in {"FREE": 0, "EVERY": 1, "LOOK_SECONDS": 0.0, "MOST_UNKNOWN": 0}.items():
        monkeypatch.setattr(pace, name, value)

    @flow(task_runner=PlatformTaskRunner(cluster))
    def counted() -> Any:
        run = UUID(flow_run.id)
        wait([dask_faults.echo.submit(number) for number in range(20)])
        known = prefect_private.task_runs_recorded(run).known
        assert dask_scene.until(lambda: prefect_private.task_runs_recorded(run).ended == 20)
        return known

    assert counted() == 20
    assert "submissions wait for it" in caplog.text


def test_collections_within_a_task_use_the_same_cluster(cluster: distributed.LocalCluster) -> None:
    @flow(task_runner=PlatformTaskRunner(cluster))
    def collecting() -> Any:
        # more of them than there are threads: none may wait for another
        futures = [dask_faults.with_collections.submit() for _ in range(4)]
        return [future.result() for future in futures]

    assert collecting() == [(45, 1.0, 6, cluster.scheduler_address)] * 4


def test_two_flows_at_once_keep_apart(cluster: distributed.LocalCluster) -> None:
    @flow(task_runner=PlatformTaskRunner(cluster))
    def counting(start: int) -> Any:
        return dask_faults.echo.map(list(range(start, start + 20))).result()

    answers: dict[int, Any] = {}
    threads = [
        threading.Thread(target=copy_context().run, args=(lambda n=start: answers.update({n: counting(n)}),))
        for start in (0, 100)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == {0: list(range(20)), 100: list(range(100, 120))}


def test_a_flow_that_ends_first_finishes_what_runs_and_lets_nothing_begin(
    cluster: distributed.LocalCluster, tmp_path: Path, api: str
) -> None:
    go_on = tmp_path / "go"

    @flow(task_runner=PlatformTaskRunner(cluster))
    def hasty() -> None:
        dask_faults.marked.map(tmp_path, ["a", "b", "c", "d"], go_on)
        assert dask_scene.until(lambda: dask_faults.marks(tmp_path, "[abcd]") == 2)
        threading.Thread(target=_touch_when_ended, args=(cluster, go_on)).start()

    run_id, state = dask_scene.run(hasty)
    assert dask_faults.marks(tmp_path, "[abcd]") == 2

    def states() -> list[str]:
        return sorted(facts[1] for facts in dask_scene.recorded(api, run_id, state).task_runs.elements())

    assert dask_scene.until(lambda: states() == ["Cancelled", "Cancelled", "Completed", "Completed"]), (
        states()
    )


def _touch_when_ended(cluster: distributed.LocalCluster, go_on: Path) -> None:
    """Once the scheduler has let go of what had not begun."""

    def left(dask_scheduler: Any) -> int:
        return sum(str(key).startswith("marked-") for key in dask_scheduler.tasks)

    with distributed.Client(cluster, set_as_default=False) as client:
        dask_scene.until(lambda: client.run_on_scheduler(left) == 2)
    go_on.touch()


def test_versions_that_differ_are_named_before_any_task(
    cluster: distributed.LocalCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from prefect_platform.dask_cluster import versions

    here = versions.installed() | {"prefect": "3.0.1", "python": "3.99"}
    monkeypatch.setattr(versions, "installed", lambda: here)

    @flow(task_runner=PlatformTaskRunner(cluster))
    def different() -> Any:
        return dask_faults.marked.submit(tmp_path, "ran").result()

    with pytest.raises(UsageError, match=r"python is 3\.99 here and 3\.\d+ on the scheduler, tcp://"):
        different()
    here["python"] = versions._python()
    with pytest.raises(UsageError, match=r"prefect is 3\.0\.1 here and 3\.\d+\.\d+ on the scheduler"):
        different()
    assert dask_faults.marks(tmp_path, "ran") == 0


def test_a_scheduler_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prefect_platform.dask_cluster.connecting.CONNECT_SECONDS", 0.3)

    @flow(task_runner=PlatformTaskRunner(address="tcp://127.0.0.1:9"))
    def nobody() -> Any:
        return dask_faults.echo.submit(1).result()

    with pytest.raises(ClusterUnavailable, match=r"tcp://127\.0\.0\.1:9 does not answer"):
        nobody()


def test_workers_do_not_import_prefect_before_the_first_task(processes: DaskProcesses) -> None:
    def has_prefect() -> bool:
        import sys

        return "prefect" in sys.modules

    @flow(task_runner=PlatformTaskRunner(address=processes.address))
    def light(run: bool) -> Any:
        from prefect.context import FlowRunContext

        context = FlowRunContext.get()
        assert context is not None
        client = context.task_runner.client  # type: ignore[attr-defined]
        if run:
            dask_faults.echo.submit(1).wait()
        return sum(client.run(has_prefect).values())

    assert light(False) == 0
    assert light(True) == 1
