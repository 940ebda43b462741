"""Clusters through everything real: launchers, Dask's scheduler and workers over TLS, their ends and logs."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import uuid
import venv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import psutil
import pytest
from distributed import Client, futures_of, get_worker
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from prefect_platform.testing.embedded import until
from prefect_platform.wire.clusters import ClusterMember, ClusterStatus
from prefect_platform.wire.dask_spec import AdaptRange
from prefect_platform.wire.flows import PythonInfo
from prefect_platform.wire.promises import Promise, PromiseName
from tests.cluster_scene import PYTHON, Place, dask_place, security
from tests.content_scene import site

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with dask_place(tmp_path_factory.mktemp("dask")) as found:
        yield found


def name_of_worker(_: int) -> str:
    print("on a worker")
    return str(get_worker().name)


def names(client: Client) -> set[str]:
    return {str(one["name"]) for one in client.scheduler_info(n_workers=-1)["workers"].values()}


def environment_promise(member: ClusterMember) -> Promise:
    return next(one for one in member.promises if one.name is PromiseName.ENVIRONMENT)


def test_a_whole_life(place: Place) -> None:
    made = place.create(n_workers=2)
    with place.connected(made, 2) as client:
        assert names(client) == {"dask-worker-1", "dask-worker-2"}
        assert client.submit(sum, range(100)).result() == 4950
        ones = [
            client.submit(name_of_worker, n, workers=[name], pure=False)
            for n, name in enumerate(sorted(names(client)))
        ]
        assert client.gather(ones) == ["dask-worker-1", "dask-worker-2"]
        place.client.clusters.scale("default", made.name, 4)
        client.wait_for_workers(4, timeout=60)
        kept = client.scatter({f"key-{n}": n for n in range(40)})
        place.client.clusters.scale("default", made.name, 1)
        until(lambda: len(names(client)) == 1, 60, "three workers to leave")
        assert client.gather(kept) == {f"key-{n}": n for n in range(40)}, "their data was moved first"
    place.client.clusters.close("default", made.name)
    ended = place.ended(made)
    assert (ended.status, ended.reason, ended.has_report) == (ClusterStatus.STOPPED, "It was closed.", True)
    assert ended.events == []
    assert "Dask Performance Report" in place.client.clusters.performance_report("default", made.id)
    assert "on a worker" in place.log(made, "dask-worker-1")
    assert "Retired worker" in place.log(made, "dask-scheduler")


def test_nobody_comes_in_without_its_certificate(place: Place) -> None:
    made, other = place.create(), place.create()
    address = str(place.connection(made).scheduler_address)
    wrong = security(place.connection(other))
    with pytest.raises(OSError, match=r"(?i)certificate|handshake|closed|timed out"):
        Client(address, security=wrong, timeout=3, set_as_default=False)
    with pytest.raises(OSError, match=r"(?i)closed|timed out|encrypt"):
        Client(address.replace("tls://", "tcp://"), timeout=3, set_as_default=False)


def test_a_worker_that_is_killed_is_replaced_and_explained(place: Place) -> None:
    made = place.create(n_workers=1)
    with place.connected(made, 1) as client:
        os.kill(place.pid(made, "dask-worker-1"), signal.SIGKILL)
        until(lambda: names(client) == {"dask-worker-2"}, 60, "another worker")
    event = place.show(made).events[0]
    assert event.member == "dask-worker-1"
    assert "It was killed by SIGKILL, not by the platform" in event.reason


def test_a_worker_that_is_not_heard_of_is_given_up_and_replaced(place: Place) -> None:
    made = place.create(n_workers=1, variables={"DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL": "5s"})
    with place.connected(made, 1) as client:
        stopped = place.pid(made, "dask-worker-1")
        os.kill(stopped, signal.SIGSTOP)
        done = client.submit(int, "7")
        until(lambda: "dask-worker-2" in names(client), 90, "another worker")
        assert done.result(timeout=60) == 7
        until(lambda: not psutil.pid_exists(stopped), 60, "the stopped one to be ended")
        assert names(client) == {"dask-worker-2"}
    [event] = place.show(made).events
    assert event.member == "dask-worker-1"
    assert "not heard of" in event.reason


def beside(folder: Path) -> tuple[PythonInfo, list[str]]:
    """An interpreter that has all of ours and a folder for more, and its path."""
    venv.create(folder, symlinks=True)
    executable = folder / "bin" / "python"
    [packages] = folder.glob("lib/python*/site-packages")
    (packages / "ours.pth").write_text("\n".join(one for one in sys.path if one))
    asked = subprocess.run(
        [executable, "-c", "import json, sys; print(json.dumps(sys.path[1:]))"],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    return PYTHON.model_copy(update={"executable": str(executable)}), json.loads(asked.stdout)


def test_a_worker_that_joins_late_names_what_has_changed_since(place: Place, tmp_path: Path) -> None:
    python, path = beside(tmp_path / "own")
    [packages] = (tmp_path / "own").glob("lib/python*/site-packages")
    (packages / "somebodys-1.0.dist-info").mkdir()
    made = place.create(n_workers=1, python=python, path=path)
    with place.connected(made, 1) as client:
        (packages / "somebodys-1.0.dist-info").rename(packages / "somebodys-1.1.dist-info")
        place.client.clusters.scale("default", made.id, 2)
        client.wait_for_workers(2, timeout=60)
    found = {one.name: environment_promise(one) for one in place.show(made).members}
    assert (found["dask-scheduler"].kept, found["dask-worker-1"].kept) == (True, True)
    assert not found["dask-worker-2"].kept
    assert found["dask-worker-2"].differences == ["somebodys: wanted 1.0, found 1.1"]


def test_without_its_scheduler_it_has_failed_and_nothing_is_left(place: Place) -> None:
    made = place.create(n_workers=2)
    with place.connected(made, 2):
        os.kill(place.pid(made, "dask-scheduler"), signal.SIGKILL)
        found = place.ended(made)
    assert found.status is ClusterStatus.FAILED
    assert str(found.reason).startswith("Its scheduler was lost: It was killed by SIGKILL")
    assert all(one.ended_at for one in found.members)


def test_it_ends_when_nothing_is_done_for_too_long(place: Place) -> None:
    made = place.create(idle_timeout_seconds=1.0)
    found = place.ended(made)
    assert (found.status, found.reason) == (ClusterStatus.STOPPED, "Nothing was done in it for 1 s.")


def test_it_adapts_and_lets_none_go_that_works(place: Place) -> None:
    made = place.create(n_workers=1)
    place.client.clusters.adapt("default", made.name, AdaptRange(minimum=1, maximum=3))
    with place.connected(made, 1) as client:
        waits = client.map(lambda _: time.sleep(1.5), range(12), pure=False)
        until(lambda: len(names(client)) == 3, 60, "more workers for more work")
        client.gather(waits)
        until(lambda: len(names(client)) == 1, 90, "workers to leave")
    assert place.show(made).events == []


def test_what_collections_hold_moves_before_workers_go(place: Place, tmp_path: Path) -> None:
    def block(number: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        (tmp_path / f"{int(number[0, 0])}-{uuid.uuid4().hex}").touch()
        return np.ones((100, 1000))

    def slowly(part: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        time.sleep(0.2)
        return part + 1

    made = place.create(n_workers=3)
    with place.connected(made, 3) as client:
        numbers = da.from_array(np.arange(30).reshape(30, 1), chunks=(1, 1))
        held = client.persist(numbers.map_blocks(block, chunks=((100,) * 30, (1000,)), dtype=float))
        until(lambda: all(one.done() for one in futures_of(held)), 60, "all blocks")
        running = client.compute(held.map_blocks(slowly, dtype=float).sum())
        place.client.clusters.scale("default", made.name, 1)
        assert running.result(timeout=120) == 6_000_000
        until(lambda: len(names(client)) == 1, 90, "two workers to leave")
        assert client.compute(held.sum()).result(timeout=60) == 3_000_000
    assert len(list(tmp_path.iterdir())) == 30, "each block was made once: it moved, and was not made again"
    assert place.show(made).events == []


def test_a_worker_that_works_is_not_let_go_before_it_has_done(place: Place, tmp_path: Path) -> None:
    made = place.create(n_workers=2)
    with place.connected(made, 2) as client:
        go = tmp_path / "go"

        def works() -> str:
            (tmp_path / str(get_worker().name)).touch()
            while not go.exists():
                time.sleep(0.05)
            return str(get_worker().name)

        ones = [client.submit(works, workers=[name], pure=False) for name in sorted(names(client))]
        until(lambda: len(list(tmp_path.glob("dask-worker-*"))) == 2, 60, "both workers at work")
        place.client.clusters.scale("default", made.name, 1)
        until(lambda: place.show(made).n_workers == 1, 30, "the order")
        go.touch()
        assert client.gather(ones) == ["dask-worker-1", "dask-worker-2"]
        until(lambda: len(names(client)) == 1, 60, "one worker to leave")
    assert place.show(made).events == []
    assert len(list(tmp_path.glob("dask-worker-*"))) == 2


def test_workers_of_several_processes_leave_together(place: Place) -> None:
    made = place.create(n_workers=2, processes=2, threads=1)
    with place.connected(made, 4) as client:
        assert names(client) == {"dask-worker-1", "dask-worker-1.1", "dask-worker-2", "dask-worker-2.1"}
        place.client.clusters.scale("default", made.name, 1)
        until(lambda: len(names(client)) == 2, 60, "one worker to leave")
        assert len({name.partition(".")[0] for name in names(client)}) == 1


def test_modules_of_the_working_directory_are_on_workers_that_join_late(place: Place, tmp_path: Path) -> None:
    (tmp_path / "beside.py").write_text("ANSWER = 42\n")
    made = place.create(n_workers=1, working_directory=str(tmp_path))
    with place.connected(made, 1) as client:
        place.client.clusters.scale("default", made.name, 2)
        client.wait_for_workers(2, timeout=60)
        found = client.run(lambda: __import__("beside").ANSWER)
    assert list(found.values()) == [42, 42]


def test_the_dashboard_through_the_platform_with_its_websocket(place: Place) -> None:
    made = place.create(n_workers=1)
    place.connection(made)
    host = f"{made.id}.localhost:{place.server.config.port}"
    until(lambda: place.show(made).dashboard, 60, "its dashboard")
    assert place.show(made).dashboard == f"http://{host}/"
    with site(place.server).signed_in(made.id) as browser:

        def page() -> str | None:
            answer = browser.get("/status")
            return answer.text if answer.status_code == 200 and "bokeh" in answer.text.lower() else None

        found = until(page, 60, "the page of its dashboard")
        token = str(re.findall(r'"token":"([^"]+)"', found)[0])
        cookie = browser.headers["Cookie"]
        assert "dask-worker-1" in browser.get("/info/main/workers.html").text
    with (
        socket.create_connection(("127.0.0.1", place.server.config.port)) as sock,
        connect(
            f"ws://{host}/status/ws", sock=sock, origin=f"http://{host}",
            additional_headers={"Cookie": cookie}, subprotocols=[Subprotocol("bokeh"), Subprotocol(token)],
        ) as websocket,
    ):  # fmt: skip
        assert websocket.subprotocol == "bokeh"
    with site(place.server).browser(made.id) as stranger:
        assert stranger.get("/status").status_code == 403


def test_nothing_of_all_this_is_left(place: Place) -> None:
    for cluster in place.client.clusters.list("default"):
        place.client.clusters.close("default", cluster.id)
        place.ended(cluster)
    until(lambda: not place.processes(), 30, "every process to be gone")
