"""Clusters beside a bare `LocalCluster`: until they are ready, until one knows, until they have grown."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import distributed

from prefect_platform.testing.embedded import until
from prefect_platform.wire.clusters import Cluster
from tests.benchmarks.measure import Figure
from tests.cluster_scene import Place, dask_place, security

ROUNDS = 5
WORKERS, GROWN = 4, 8


def figures() -> list[Figure]:
    ready = Figure("cluster_ready_s", "s", f"{WORKERS} workers; stock: a bare LocalCluster of that size; + 1")
    noticed = Figure("ready_noticed_s", "s", "<= 0.2")
    scaled = Figure("scale_s", "s", f"2 to {GROWN}, <= 3")
    left = Figure("cluster_gone_s", "s", "from close until nothing is left")
    with tempfile.TemporaryDirectory() as directory, dask_place(Path(directory)) as place:
        for _ in range(ROUNDS):
            ready.stock.append(bare())
            begun = time.perf_counter()
            made = place.create(n_workers=WORKERS)
            noticed.ours.append(_noticed(place, made))
            with place.connected(made, WORKERS):
                ready.ours.append(time.perf_counter() - begun)
            left.ours.append(_gone(place, made))
            scaled.ours.append(_scaled(place))
    return [ready, noticed, scaled, left]


def bare() -> float:
    begun = time.perf_counter()
    with (
        distributed.LocalCluster(n_workers=WORKERS, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        client.wait_for_workers(WORKERS)
        return time.perf_counter() - begun


def _noticed(place: Place, made: Cluster) -> float:
    """From when the platform heard that the scheduler is there until who waits for it knows."""
    known = None
    while True:
        found = place.client.clusters.connection("default", made.id, known=known, wait=30)
        now = time.time()
        if found.scheduler_address is not None:
            ready_at = place.show(made).ready_at
            assert ready_at is not None
            return now - ready_at.timestamp()
        known = found.revision


def _scaled(place: Place) -> float:
    made = place.create(n_workers=2)
    found = place.connection(made)
    with (
        place.connected(made, 2),
        distributed.Client(found.scheduler_address, security=security(found), set_as_default=False) as client,
    ):
        begun = time.perf_counter()
        place.client.clusters.scale("default", made.id, GROWN)
        client.wait_for_workers(GROWN, timeout=60)
        seconds = time.perf_counter() - begun
    _gone(place, made)
    return seconds


def _gone(place: Place, made: Cluster) -> float:
    begun = time.perf_counter()
    place.client.clusters.close("default", made.id)
    until(lambda: place.show(made).ended_at, 60, "the cluster to be gone")
    return time.perf_counter() - begun
