"""Small flows with our task runner do as with Prefect's own: states, values, records, inputs, logs."""

from __future__ import annotations

from collections.abc import Iterator

import distributed
import pytest
from prefect.settings import PREFECT_API_URL, PREFECT_LOGGING_TO_API_BATCH_INTERVAL, temporary_settings
from prefect.task_runners import ThreadPoolTaskRunner

from prefect_platform.dask_cluster import PlatformTaskRunner
from tests import dask_flows, dask_scene

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def cluster() -> Iterator[distributed.LocalCluster]:
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=2, scheduler_kwargs=dask_scene.NO_PORT_TO_SHARE
    ) as found:
        yield found


@pytest.fixture(scope="module")
def api(prefect_server: str) -> Iterator[str]:
    with temporary_settings({PREFECT_API_URL: prefect_server, PREFECT_LOGGING_TO_API_BATCH_INTERVAL: 0.2}):
        yield prefect_server


@pytest.mark.parametrize("name", sorted(dask_flows.CASES))
def test_as_stock(name: str, cluster: distributed.LocalCluster, api: str) -> None:
    build = dask_flows.CASES[name]
    stock_id, stock = dask_scene.run(build(ThreadPoolTaskRunner()))
    ours_id, ours = dask_scene.run(build(PlatformTaskRunner(cluster)))
    seen: dict[str, dask_scene.Recorded] = {}

    def equal() -> bool:
        seen["stock"] = dask_scene.recorded(api, stock_id, stock)
        seen["ours"] = dask_scene.recorded(api, ours_id, ours)
        return seen["ours"].comparable() == seen["stock"].comparable() and bool(
            seen["stock"].task_runs or name == "mapped_wrongly"
        )

    dask_scene.until(equal)
    assert seen["ours"].state == seen["stock"].state
    assert seen["ours"].value == seen["stock"].value
    assert seen["ours"].task_runs == seen["stock"].task_runs
    assert seen["ours"].inputs == seen["stock"].inputs
    assert seen["ours"].logs == seen["stock"].logs
