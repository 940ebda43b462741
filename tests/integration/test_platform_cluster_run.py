"""`PlatformCluster` in the code of a run: it is the run's, and ends with it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from prefect_platform.client.api import PlatformClient
from prefect_platform.testing.embedded import embedded, until
from prefect_platform.wire.clusters import Cluster, ClusterOwner
from prefect_platform.wire.runs import Status
from tests.cluster_scene import OVER

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

FLOW = """
import os

from distributed import Client
from prefect import flow

import beside
from prefect_platform import PlatformCluster


@flow
def with_cluster():
    with PlatformCluster(name="closed", quiet=True) as cluster, Client(cluster) as client:
        print("the answer is", client.submit(beside.answer).result())
        print("logs of", len(cluster.get_logs()))
    open_one = PlatformCluster(name="left-open", quiet=True)
    print("left open is", open_one.status.name, flush=True)
    os._exit(1)
"""
REGISTER = """
from prefect_platform import register
print(register("flow.py:with_cluster").run().id)
"""


def ended(client: PlatformClient) -> tuple[Cluster, ...] | None:
    found = client.clusters.list("default", ended=True)
    return found if all(one.status in OVER for one in found) else None


def test_it_belongs_to_the_run_and_ends_with_it(tmp_path: Path) -> None:
    code = tmp_path / "code"
    code.mkdir()
    (code / "flow.py").write_text(FLOW)
    (code / "beside.py").write_text("def answer():\n    return 42\n")
    with embedded(tmp_path / "platform") as platform:
        environment = {**os.environ, **platform.environment}
        made = subprocess.run(
            [sys.executable, "-c", REGISTER], cwd=code, env=environment, capture_output=True, text=True,
            check=False, timeout=100,
        )  # fmt: skip
        assert made.returncode == 0, made.stderr
        client, run_id = platform.client(), made.stdout.split()[-1]
        run = until(
            lambda: found if (found := client.runs.get(run_id)).status is Status.CRASHED else None,
            150,
            "the run to end without closing its cluster",
        )
        [source] = [one for one in client.logs.sources(run.id) if one.source == "flow"]
        text = client.logs.raw(source.workload_id, "flow").decode()
        assert "the answer is 42\n" in text
        assert "logs of 3\n" in text
        assert "left open is running\n" in text
        left, closed = until(lambda: ended(client), 60, "its clusters to end")
        assert (left.name, left.reason) == ("left-open", "Its run has ended.")
        assert (closed.name, closed.reason) == ("closed", "It was closed.")
        assert {one.owner_kind for one in (left, closed)} == {ClusterOwner.ATTEMPT}
        assert {one.owner_id for one in (left, closed)} == {run.id}
