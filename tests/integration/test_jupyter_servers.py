"""Jupyter servers through everything real: `up`, a launcher, a JupyterLab, a kernel that registers a flow."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from prefect_platform.client.api import PlatformClient
from prefect_platform.testing.embedded import Embedded, embedded, until
from prefect_platform.wire.resources import Resource, ResourceKind, ResourceStatus
from prefect_platform.wire.runs import FINAL, Workload
from tests.jupyter import Jupyter, token_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
JUPYTER = ResourceKind.JUPYTER_SERVER
CELL = """
from prefect import flow
from prefect_platform import register

@flow
def from_jupyter(x: int = 1):
    print("ran with", x)
    return x

registration = register(from_jupyter, name="nightly")
run = registration.run(x=7)
print("run", run.id)
"""


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    home = tmp_path_factory.mktemp("jupyter")
    with embedded(home, environment={"HOME": str(home / "user")}) as found:
        yield found


@pytest.fixture
def client(platform: Embedded) -> Iterator[PlatformClient]:
    with platform.client() as found:
        yield found


def command(platform: Embedded, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "prefect_platform", *words],
        env=platform.environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def get(client: PlatformClient, name: str) -> Resource:
    return client.resources.get("default", JUPYTER, name)


def ready(client: PlatformClient, name: str) -> Resource:
    def look() -> Resource | None:
        found = get(client, name)
        assert found.state.status is not ResourceStatus.FAILED, found.state.reason
        return found if found.state.started_at else None

    return until(look, 90, f"Jupyter server {name} to be ready")


def ended(client: PlatformClient, name: str) -> Resource:
    def look() -> Resource | None:
        found = get(client, name)
        return found if found.state.status in (ResourceStatus.STOPPED, ResourceStatus.FAILED) else None

    return until(look, 90, f"Jupyter server {name} to end")


def jupyter(platform: Embedded, one: Resource) -> Jupyter:
    workload = str(one.state.workload_id)
    with platform.client() as client:
        steps = client.transport.call("GET", f"/api/v1/workloads/{workload}", Workload).steps
    address = next(str(step.detail) for step in steps if step.name == "running")
    return Jupyter(address, token_of(platform.data, workload))


def test_a_cell_in_it_registers_a_flow_that_runs(platform: Embedded, client: PlatformClient) -> None:
    command(platform, "jupyter", "create", "lab", "--env", "REGION=eu", "--shutoff", "6h")
    server = jupyter(platform, one := ready(client, "lab"))
    assert one.state.jupyter is not None
    assert one.state.jupyter.step == "ready"
    assert one.state.jupyter.stops_at is not None
    with server.kernel() as kernel:
        printed = kernel.run("import os\nprint(os.environ['REGION'], os.getcwd())")
        assert printed.split() == ["eu", str(platform.home / "user" / "jupyter" / "default" / "lab")]
        told = kernel.run(CELL)
    run_id = told.rpartition("run ")[2].split()[0]
    run = until(lambda: (found := client.runs.get(run_id)).status in FINAL and found, 90, "the run to end")
    assert run.status == "succeeded", run.reason
    log = b"".join(client.logs.pieces(str(one.state.workload_id), "jupyter", 0))
    assert b"Jupyter Server" in log
    assert server.token.encode() not in log
    command(platform, "jupyter", "stop", "lab")
    assert ended(client, "lab").state.reason is None
