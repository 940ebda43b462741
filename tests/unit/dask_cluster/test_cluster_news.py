"""What is told of a cluster, and that it is told once; and which versions must not differ."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from distributed.versions import get_versions

from prefect_platform.dask_cluster.cluster_news import News, waiting
from prefect_platform.dask_cluster.cluster_versions import differences
from prefect_platform.wire.clusters import Cluster, ClusterEvent, ClusterMember
from prefect_platform.wire.promises import Promise

NOW = datetime(2026, 1, 5, 8, tzinfo=UTC)
MEMORY = "It waits for memory: it needs 2 GiB, and 1 GiB of 4 GiB are free."


def member(number: int, status: str = "running", reason: str | None = None, **fields: Any) -> ClusterMember:
    return ClusterMember(
        name=f"dask-worker-{number}", workload_id=f"wl-{number}", status=status, reason=reason, cores=1,
        memory_bytes=1, size=None, created_at=NOW, ended_at=None, **fields,
    )  # fmt: skip


def cluster(*members: ClusterMember, events: tuple[ClusterEvent, ...] = ()) -> Cluster:
    return Cluster(
        id="dc-1", name="c", project="default", owner_kind="user", owner_id=None, user="ada", spec={},
        n_workers=3, adapt=None, status="running", reason=None, scheduler_address=None, dashboard=None,
        workers_ready=1, price_per_hour=None, members=list(members), events=list(events), has_report=False,
        created_at=NOW, ready_at=None, ended_at=None,
    )  # fmt: skip


def test_who_waits_is_told_once_it_is_no_passing_matter() -> None:
    news, found = News(), cluster(member(1), member(2, "queued", MEMORY), member(3, "queued", MEMORY))
    assert news.of(found) == [], "every worker begins by waiting"
    assert news.of(found) == [f"2 of 3 workers wait. {MEMORY}"]
    assert news.of(found) == []
    assert waiting(found) == f"2 of 3 wait. {MEMORY}"


def test_a_broken_promise_and_a_lost_worker_are_told_once() -> None:
    broken = Promise(
        name="environment", kept=False, summary="2 packages differ.", differences=["a 1 is a 2", "b is gone"]
    )
    kept = Promise(name="size", kept=True, summary="as asked")
    event = ClusterEvent(at=NOW, member="dask-worker-1", reason="It was killed by SIGKILL.")
    news, found = News(), cluster(member(2, promises=[broken, kept]), events=(event,))
    assert news.of(found) == [
        "dask-worker-1 was lost: It was killed by SIGKILL.",
        "dask-worker-2: 2 packages differ. (a 1 is a 2; b is gone)",
    ]
    assert news.of(found) == []
    assert waiting(found) == "dask-worker-1 was lost: It was killed by SIGKILL."


def test_versions_that_differ_are_named() -> None:
    ours = get_versions()
    assert differences(ours, get_versions()) == []
    other = {
        "host": ours["host"] | {"python": "3.9.1.final.0"},
        "packages": ours["packages"] | {"dask": "2020.1", "cloudpickle": None, "numpy": "0.1"},
    }
    found = differences(ours, other)
    assert found[0].endswith("here, 3.9.1 in the cluster")
    assert found[0].startswith("Python ")
    assert found[1:] == [
        f"dask {ours['packages']['dask']} here, 2020.1 in the cluster",
        f"cloudpickle {ours['packages']['cloudpickle']} here, missing in the cluster",
    ]
