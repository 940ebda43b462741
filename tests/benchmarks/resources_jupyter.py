"""From the wish for a Jupyter server to one that answers: `jupyter_ready_s`.

A whole platform, a real launcher and a real JupyterLab; each is stopped before the next one starts. The time
is the platform's own: from the start being asked for to the step that says where it answers, and a page of
JupyterLab is then fetched to see that it is so.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from prefect_platform.client.api import PlatformClient
from prefect_platform.testing.embedded import Embedded, embedded, until
from prefect_platform.wire.resources import Resource, ResourceKind, ResourceStatus
from prefect_platform.wire.runs import Workload
from tests.benchmarks.measure import Figure
from tests.jupyter import Jupyter, token_of

ROUNDS = 10
SECONDS = 60.0
NAME, KIND = "bench", ResourceKind.JUPYTER_SERVER


def figures() -> list[Figure]:
    """One start warms what launchers share; the others are measured."""
    with tempfile.TemporaryDirectory(prefix="bench-jupyter-") as directory:
        home = Path(directory)
        with (
            embedded(home, environment={"HOME": str(home / "user")}) as platform,
            platform.client() as client,
        ):
            samples = list(starts(platform, client))
    return [Figure("jupyter_ready_s", "s", "<= 5", ours=samples[1:])]


def starts(platform: Embedded, client: PlatformClient) -> Iterator[float]:
    client.resources.create("default", KIND, NAME, {}, start=False)
    for _ in range(ROUNDS + 1):
        began = time.monotonic()
        client.resources.start("default", KIND, NAME)
        one = until(lambda: _ready(client), SECONDS, "the server to be ready")
        yield time.monotonic() - began
        _check(platform, client, one)
        client.resources.stop("default", KIND, NAME)
        until(lambda: _stopped(client), SECONDS, "the server to be stopped")


def _ready(client: PlatformClient) -> Resource | None:
    found = client.resources.get("default", KIND, NAME)
    assert found.state.status is not ResourceStatus.FAILED, found.state.reason
    return found if found.state.started_at is not None else None


def _stopped(client: PlatformClient) -> bool:
    return client.resources.get("default", KIND, NAME).state.status is ResourceStatus.STOPPED


def _check(platform: Embedded, client: PlatformClient, one: Resource) -> None:
    workload = client.transport.call("GET", f"/api/v1/workloads/{one.state.workload_id}", Workload)
    address = next(str(step.detail) for step in workload.steps if step.name == "running")
    assert Jupyter(address, token_of(platform.data, workload.id)).page("/lab").status_code == 200


if __name__ == "__main__":
    from tests.benchmarks.measure import report

    report("resources_jupyter", figures())
