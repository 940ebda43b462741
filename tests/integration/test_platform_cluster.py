"""`PlatformCluster` by what Dask's own tests ask of every cluster, and through what can go wrong with one."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from distributed import Client, Status, Worker, worker_client
from distributed.deploy.cluster import Cluster as DaskCluster

import prefect_platform
from prefect_platform import PlatformCluster
from prefect_platform.backends.local.backend import LocalBackend
from prefect_platform.dask_cluster.cluster_workers import WorkersMissing
from prefect_platform.errors import Conflict, NoCapacity, NotFound, UsageError
from prefect_platform.server.config import ServerConfig
from prefect_platform.testing.embedded import until
from prefect_platform.testing.live_server import LiveServer, live_server
from prefect_platform.wire.clusters import Cluster, ClusterStatus
from tests.cluster_scene import Place, dask_place

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]
MEMORY = 4 << 30
"""Room for a scheduler, which has half a GiB, and three workers of 1 GiB."""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    directory = tmp_path_factory.mktemp("dask")
    backend = LocalBackend(directory / "workloads", memory_total=MEMORY)
    with dask_place(directory, backend=backend) as found:
        yield found


@pytest.fixture(autouse=True)
def signed_in(place: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As a kernel is, in a folder of its own."""
    point(monkeypatch, place.server)
    monkeypatch.chdir(tmp_path)


def point(monkeypatch: pytest.MonkeyPatch, server: LiveServer) -> None:
    monkeypatch.setenv("PREFECT_PLATFORM_URL", server.url)
    monkeypatch.setenv("PREFECT_PLATFORM_TOKEN", server.token)


def shown(place: Place, cluster: PlatformCluster) -> Cluster:
    return place.client.clusters.show("default", str(cluster.cluster_id))


def there(place: Place) -> list[str]:
    return [one.name for one in place.client.clusters.list("default")]


def names(client: Client) -> set[str]:
    return {str(one["name"]) for one in client.scheduler_info(n_workers=-1)["workers"].values()}


# As Dask has it


def test_it_is_a_cluster_of_dask(place: Place) -> None:
    with PlatformCluster(name="mine", n_workers=2, quiet=True) as cluster, Client(cluster) as client:
        assert isinstance(cluster, DaskCluster)
        assert (cluster.name, cluster.status, cluster.asynchronous) == ("mine", Status.running, False)
        assert client.cluster is cluster
        assert cluster.scheduler_address.startswith("tls://127.0.0.1:")
        client.wait_for_workers(2, timeout=60)
        assert client.submit(sum, range(100)).result() == 4950
        assert cluster.observed == cluster.plan == cluster.requested == {"dask-worker-1", "dask-worker-2"}
        assert "PlatformCluster(mine, 'tls://127.0.0.1" in repr(cluster).replace('"', "'")
        assert "workers=2" in repr(cluster)
        assert shown(place, cluster).spec.n_workers == 2
    assert cluster.status == Status.closed
    assert "mine" not in there(place), "close waits for the end"
    cluster.close()
    with pytest.raises(RuntimeError, match="closed"):
        Client(cluster)


def test_the_public_name_is_loaded_when_it_is_used() -> None:
    assert prefect_platform.PlatformCluster is PlatformCluster
    assert "PlatformCluster" in dir(prefect_platform)


@pytest.mark.asyncio
async def test_asynchronous() -> None:
    async with PlatformCluster(n_workers=1, asynchronous=True, quiet=True) as cluster:
        assert cluster.asynchronous
        async with Client(cluster, asynchronous=True) as client:
            await client.wait_for_workers(1, timeout=60)
            assert await client.submit(sum, [1, 2]) == 3
            await cluster.scale(2)
            await cluster.wait_for_workers(2, timeout=60)
            adapting = await cluster.adapt(minimum=1, maximum=2)
            assert (adapting.minimum, adapting.maximum) == (1, 2)
            logs = await cluster.get_logs()
            assert set(logs) == {"Cluster", "Scheduler", "dask-worker-1", "dask-worker-2"}
            with pytest.raises(TypeError, match="async with"):
                DaskCluster.__enter__(cluster)
    assert cluster.status == Status.closed
    await cluster.close()


@pytest.mark.asyncio
async def test_asynchronous_it_begins_when_it_is_awaited(place: Place) -> None:
    cluster = PlatformCluster(name="awaited", asynchronous=True, quiet=True)
    assert (cluster.status, there(place)) == (Status.created, [])
    assert await cluster is cluster
    assert cluster.status == Status.running
    again = await PlatformCluster.from_name("awaited", asynchronous=True, quiet=True)
    assert again == cluster, "as Dask has it: by its name"
    await asyncio.gather(again.close(), cluster.close(), cluster.close())
    with pytest.raises(ValueError, match="closed"):
        await cluster._start()


def test_scale_up_and_down_and_by_what_it_holds(place: Place) -> None:
    with PlatformCluster(n_workers=1, quiet=True) as cluster, cluster.get_client() as client:
        assert cluster.get_client() is client, "the one that there is"
        assert cluster.scale(3) is None
        cluster.wait_for_workers(3, timeout=60)
        kept = client.scatter({f"key-{n}": n for n in range(30)})
        cluster.scale(1)
        until(lambda: len(names(client)) == 1, 60, "two workers to leave")
        assert client.gather(kept) == {f"key-{n}": n for n in range(30)}
        del kept  # the last worker would have nobody to hand it to, and stay for a minute
        cluster.scale(cores=2)
        assert shown(place, cluster).n_workers == 2
        cluster.scale(memory="3GiB")
        assert shown(place, cluster).n_workers == 3, "a worker has 1 GiB"
        cluster.scale(0)
        until(lambda: names(client) == set(), 60, "all to leave")
        with pytest.raises(UsageError, match="n=-1 must be a whole number from 0"):
            cluster.scale(-1)


def test_adapt_and_stop(place: Place) -> None:
    with PlatformCluster(n_workers=1, quiet=True) as cluster:
        adapting = cluster.adapt(minimum=1, maximum=2)
        assert (adapting.minimum, adapting.maximum) == (1, 2)
        assert "Adaptive" in cluster._scaling_status()
        assert str(shown(place, cluster).adapt) == "minimum=1 maximum=2"
        adapting.stop()
        assert shown(place, cluster).adapt is None
        assert "Manual" in cluster._scaling_status()
        cluster.adapt(minimum=0, maximum=2)
        cluster.scale(1)
        assert shown(place, cluster).adapt is None, "scale ends it"
        for wrong, message in (
            ({}, "the minimum number of workers is needed too"),
            ({"minimum": 2}, "the maximum number of workers is needed too"),
            ({"minimum": 3, "maximum": 2}, "minimum=3 is more than maximum=2"),
            ({"minimun": 3, "maximum": 2}, "Did you mean 'minimum'"),
        ):
            with pytest.raises(UsageError, match=message):
                cluster.adapt(**wrong)


def test_adapting_from_the_beginning_grows_with_the_work() -> None:
    with PlatformCluster(adapt=(1, 2), quiet=True) as cluster, Client(cluster) as client:
        futures = client.map(lambda _: __import__("time").sleep(1.5), range(8), pure=False)
        until(lambda: len(names(client)) == 2, 60, "another worker for more work")
        client.gather(futures)


def test_how_it_is_shown(place: Place) -> None:
    with PlatformCluster(n_workers=1, quiet=True) as cluster, Client(cluster) as client:
        client.wait_for_workers(1, timeout=60)
        link = until(lambda: cluster.dashboard_link, 60, "the dashboard")
        host = f"http://{cluster.cluster_id}.localhost:{place.server.config.port}"
        assert link == client.dashboard_link == f"{host}/status"
        assert cluster.sign_in_link().startswith(f"{host}/_platform/enter?ticket=")
        page = cluster._repr_html_()
        assert cluster.name in page
        assert link in page
        assert "cluster.sign_in_link()" in page
        widget = cluster._widget()
        assert widget is not None, "ipywidgets is installed"
        [_, scaling] = widget.children
        [manual, _] = scaling.children[1].children
        workers, button = manual.children
        workers.value = 2
        button.click()
        assert shown(place, cluster).n_workers == 2
        until(lambda: "/ 2" in cluster._scaling_status() or len(names(client)) == 2, 60, "it to be shown")
        assert cluster._widget() is widget


@pytest.mark.parametrize("processes", [1, 2])
def test_logs_have_what_was_printed_just_before(processes: int) -> None:
    with PlatformCluster(n_workers=2, processes=processes, quiet=True) as cluster, Client(cluster) as client:
        client.wait_for_workers(2 * processes, timeout=60)
        for number in range(20):
            client.run(print, f"<{number}>")
            logs = cluster.get_logs(cluster=False, scheduler=False)
            assert [text.count(f"<{number}>") for text in logs.values()] == [processes, processes]


def test_logs_also_of_workers_that_have_ended(place: Place) -> None:
    with PlatformCluster(n_workers=2, quiet=True) as cluster, Client(cluster) as client:
        client.wait_for_workers(2, timeout=60)
        client.run(introduce)
        cluster.scale(0)
        until(lambda: names(client) == set(), 60, "all to leave")
        logs = until(lambda: told(cluster), 60, "what they have printed")
        assert "I am dask-worker-1" in logs["dask-worker-1"]
        assert "I am dask-worker-2" in logs["dask-worker-2"]
        assert "Scheduler at:" in logs["Scheduler"] or "Registered" in logs["Scheduler"]
        assert set(cluster.get_logs(cluster=False, scheduler=False)) == {"dask-worker-1", "dask-worker-2"}
        assert set(cluster.get_logs(cluster=False, workers=["dask-worker-2"])) == {
            "Scheduler",
            "dask-worker-2",
        }
        assert set(cluster.get_logs(scheduler=False, workers=False)) == {"Cluster"}
    assert "I am dask-worker-1" in cluster.get_logs()["dask-worker-1"], "after its end too"


def introduce(dask_worker: Worker) -> None:
    print(f"I am {dask_worker.name}")


def told(cluster: PlatformCluster) -> dict[str, str] | None:
    logs = cluster.get_logs()
    return logs if all("I am" in logs[name] for name in ("dask-worker-1", "dask-worker-2")) else None


def test_wait_for_workers_ends_with_the_reason(place: Place) -> None:
    with PlatformCluster(n_workers=1, quiet=True) as cluster, Client(cluster) as client:
        with pytest.raises(ValueError, match="positive integer"):
            cluster.wait_for_workers(0)
        with pytest.raises(TimeoutError, match=r"Only [01]/5 workers arrived after 2 s\. .+"):
            client.wait_for_workers(5, timeout=2)


def test_what_there_is_no_room_for_waits_and_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    with PlatformCluster(n_workers=6) as cluster:
        cluster.wait_for_workers(3, timeout=60)
        until(lambda: "workers wait." in cluster.get_logs(workers=False)["Cluster"], 60, "the reason")
        with pytest.raises(
            WorkersMissing, match=r"Only 3/6 .* 3 of 6 wait\. It waits for memory: it needs 1 GiB"
        ):
            cluster.wait_for_workers(6, timeout=1)
        cluster.scale(1)
    assert "3 of 6 workers wait. It waits for memory: it needs 1 GiB" in capsys.readouterr().out


def test_tasks_find_the_same_cluster() -> None:
    def nested() -> int:
        with worker_client() as inner:
            return int(inner.submit(sum, [1, 2, 3]).result())

    with PlatformCluster(quiet=True) as cluster, Client(cluster) as client:
        assert client.submit(nested).result() == 6


# Ours


def test_modules_beside_the_notebook_and_variables_are_on_every_worker(tmp_path: Path) -> None:
    (tmp_path / "beside.py").write_text("ANSWER = 42\n")
    with PlatformCluster(n_workers=1, env={"REGION": "eu"}, quiet=True) as cluster, Client(cluster) as client:
        client.wait_for_workers(1, timeout=60)
        cluster.scale(2)
        client.wait_for_workers(2, timeout=60)
        found = client.run(
            lambda: (__import__("beside").ANSWER, os.environ["REGION"], str(__import__("pathlib").Path.cwd()))
        )
        assert list(found.values()) == [(42, "eu", str(tmp_path))] * 2


def test_the_environment_of_its_workers_is_the_kernels(place: Place) -> None:
    with PlatformCluster(quiet=True) as cluster:
        cluster.wait_for_workers(1, timeout=60)
        promises = [
            {one.name.value: one.kept for one in member.promises} for member in shown(place, cluster).members
        ]
        assert [found["environment"] for found in promises] == [True, True]
        assert cluster.get_logs(workers=False, scheduler=False)["Cluster"] == ""


def test_by_its_name_it_is_found_again_and_stays(place: Place) -> None:
    first = PlatformCluster(name="shared", shutdown_on_close=False, quiet=True)
    first.wait_for_workers(1, timeout=60)
    first.close()
    assert shown(place, first).status is ClusterStatus.RUNNING
    assert shown(place, first).lease_seconds is None
    with pytest.raises(Conflict, match="open cluster named 'shared'"):
        PlatformCluster(name="shared")
    with pytest.raises(UsageError, match="worker_size of a cluster that runs stays"):
        PlatformCluster.from_name("shared", worker_size="large")
    with pytest.raises(NotFound, match="Did you mean 'shared'"):
        PlatformCluster.from_name("shard")
    with PlatformCluster.from_name("shared", quiet=True) as again, Client(again) as client:
        assert client.submit(sum, [1, 2]).result() == 3
        again.scale(2)
        client.wait_for_workers(2, timeout=60)
    assert shown(place, first).status is ClusterStatus.RUNNING, "it was not ours to end"
    with PlatformCluster.from_name("shared", shutdown_on_close=True, quiet=True):
        pass
    assert "shared" not in there(place)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"n_worker": 3}, "Did you mean 'n_workers'"),
        ({"n_workers": 0}, "n_workers=0 must be"),
        ({"worker_size": "huge"}, "worker_size: "),
        ({"scheduler_size": "huge"}, "scheduler_size: "),
        ({"secrets": ["nobody-has-it"]}, "nobody-has-it"),
    ],
)
def test_nothing_is_made_of_what_is_wrong(place: Place, given: dict[str, Any], message: str) -> None:
    with pytest.raises((UsageError, NotFound), match=message):
        PlatformCluster(**given)
    assert there(place) == []


def test_a_scheduler_without_room_is_given_up_with_the_reason(place: Place) -> None:
    with PlatformCluster(n_workers=3, quiet=True) as one, PlatformCluster(quiet=True) as other:
        one.wait_for_workers(3, timeout=60)
        with pytest.raises(
            NoCapacity, match=r"was queued after 3 s, .* It waits for memory: it needs 512 MiB"
        ):
            PlatformCluster(name="third", start_timeout=3)
        until(lambda: sorted(there(place)) == sorted([one.name, other.name]), 60, "nothing of it to be left")


def test_another_version_is_named_before_any_task_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    from distributed.versions import get_versions

    ours = get_versions()
    other = ours | {"packages": ours["packages"] | {"distributed": "2020.1"}}
    monkeypatch.setattr("prefect_platform.dask_cluster.cluster.get_versions", lambda: other)
    with pytest.warns(
        UserWarning, match=r"has other versions: distributed 2020\.1 here, 20.* in the cluster"
    ):
        PlatformCluster(quiet=True).close()


# What can go wrong


def test_a_worker_that_is_killed_is_replaced_and_told_of(place: Place) -> None:
    with PlatformCluster(n_workers=1, quiet=True) as cluster, Client(cluster) as client:
        client.wait_for_workers(1, timeout=60)
        os.kill(place.pid(shown(place, cluster), "dask-worker-1"), signal.SIGKILL)
        until(lambda: names(client) == {"dask-worker-2"}, 60, "another worker")
        until(
            lambda: (
                "dask-worker-1 was lost: It was killed by SIGKILL"
                in cluster.get_logs(workers=False)["Cluster"]
            ),
            60,
            "to be told of it",
        )
        assert client.submit(sum, [1, 2]).result() == 3


def test_without_its_scheduler_it_has_failed_with_the_reason(place: Place) -> None:
    cluster = PlatformCluster(n_workers=1, quiet=True)
    cluster.wait_for_workers(1, timeout=60)
    os.kill(place.pid(shown(place, cluster), "dask-scheduler"), signal.SIGKILL)
    until(lambda: cluster.status == Status.failed, 60, "it to have failed")
    assert str(cluster.reason).startswith("Its scheduler was lost: It was killed by SIGKILL")
    with pytest.raises(Conflict, match="is failed: Its scheduler was lost"):
        cluster.wait_for_workers(1)
    with pytest.raises(Conflict, match="has ended or is about to"):
        cluster.scale(2)
    cluster.close()
    cluster.close()
    assert cluster.status == Status.closed


def test_ended_by_somebody_else_it_is_closed(place: Place) -> None:
    cluster = PlatformCluster(quiet=True)
    place.client.clusters.close("default", cluster.name)
    until(lambda: cluster.status == Status.closed, 60, "it to be closed")
    assert cluster.reason == "It was closed."
    cluster.close()


def test_it_lives_on_while_the_platform_restarts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = tmp_path / "platform"
    config = ServerConfig(data_dir=directory, backend="local")
    with live_server(directory, config=config) as first:
        point(monkeypatch, first)
        cluster = PlatformCluster(n_workers=1, quiet=True)
        client = Client(cluster)
        client.wait_for_workers(1, timeout=60)
    kept = client.submit(sum, [1, 2])
    assert kept.result() == 3, "its Dask part needs no platform"
    with live_server(directory, config=config, port=first.config.port), cluster, client:
        cluster.scale(2)
        client.wait_for_workers(2, timeout=60)
        assert kept.result() == 3
        assert cluster.status == Status.running


KERNEL = """
import os, signal
from prefect_platform import PlatformCluster
from prefect_platform.dask_cluster import cluster_opening

cluster_opening.LEASE_SECONDS = 10.0  # the shortest
if __name__ == "__main__":
    cluster = PlatformCluster(name="of-a-kernel", quiet=True)
    cluster.wait_for_workers(1, timeout=60)
    {end}
"""


def kernel(tmp_path: Path, end: str) -> int:
    script = tmp_path / "kernel.py"
    script.write_text(textwrap.dedent(KERNEL).format(end=end))
    return subprocess.run([sys.executable, script], check=False, timeout=120, cwd=tmp_path).returncode


def test_a_kernel_that_ends_closes_what_it_has_made(place: Place, tmp_path: Path) -> None:
    assert kernel(tmp_path, "pass") == 0
    [found] = [one for one in place.client.clusters.list("default", ended=True) if one.name == "of-a-kernel"]
    assert place.ended(found).reason == "It was closed."


def test_what_a_killed_kernel_has_made_ends_by_its_lease(place: Place, tmp_path: Path) -> None:
    assert kernel(tmp_path, "os.kill(os.getpid(), signal.SIGKILL)") == -signal.SIGKILL
    found = place.client.clusters.show("default", "of-a-kernel")
    ended = place.ended(found)
    assert (ended.status, ended.reason) == (
        ClusterStatus.STOPPED,
        "Whoever made it was not heard of for 10 s.",
    )
    assert all(one.ended_at for one in ended.members)


def test_nothing_of_all_this_is_left(place: Place) -> None:
    assert there(place) == []
    until(lambda: not place.processes(), 30, "every process to be gone")
