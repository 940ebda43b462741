"""Jupyter servers through everything real: `up`, a launcher, a JupyterLab, a kernel that registers a flow."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import nbformat
import pytest

from prefect_platform.client.api import PlatformClient
from prefect_platform.client.settings import connect
from prefect_platform.errors import NotSignedIn
from prefect_platform.testing.embedded import Embedded, until
from prefect_platform.wire.clusters import ClusterOwner
from prefect_platform.wire.flows import RunRequest
from prefect_platform.wire.resources import ResourceStatus
from prefect_platform.wire.runs import FINAL
from tests.jupyter import Kernel, Opened, token_of
from tests.jupyter_scene import (
    command,
    ended,
    ended_or_gone,
    get,
    jupyter,
    pid,
    pid_of,
    platform_of_ours,
    reaches,
    ready,
)
from tests.wheels import environment as wheels
from tests.wheels import wheel

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
EXAMPLE = Path(__file__).parents[2] / "examples" / "04-jupyter-server"
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
    with platform_of_ours(home) as found:
        yield found


@pytest.fixture
def client(platform: Embedded) -> Iterator[PlatformClient]:
    with platform.client() as found:
        yield found


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
    assert_scheduled(platform, client)
    log = b"".join(client.logs.pieces(str(one.state.workload_id), "jupyter", 0))
    assert b"Jupyter Server" in log
    assert server.token.encode() not in log
    command(platform, "jupyter", "stop", "lab")
    assert ended(client, "lab").state.reason is None


def assert_scheduled(platform: Embedded, client: PlatformClient) -> None:
    """A notebook of the server is a flow, with what the server has."""
    cell = {"cell_type": "code", "id": "c", "metadata": {}, "outputs": []}
    cell["source"] = "import os\nprint('in', os.environ['REGION'])"
    content = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    folder = platform.home / "user" / "jupyter" / "default" / "lab"
    (folder / "counts.ipynb").write_text(json.dumps(content))
    command(platform, "jupyter", "schedule", "lab", "counts.ipynb", "--cron", "0 2 1 1 *")
    flow = client.flows.find("default", "counts")
    assert flow is not None
    run_id = client.flows.run(flow.id, RunRequest()).id
    run = until(lambda: (found := client.runs.get(run_id)).status in FINAL and found, 120, "the notebook")
    assert run.status == "succeeded", run.reason
    assert b"in eu" in client.logs.raw(run.attempt_list[-1].workload.id, "flow")


def test_its_kernels_live_over_a_killed_platform(platform: Embedded, client: PlatformClient) -> None:
    command(platform, "jupyter", "create", "long")
    server = jupyter(platform, one := ready(client, "long"))
    with server.kernel() as kernel:
        kernel.run("kept = 41")
        killed = pid_of(platform)
        assert killed is not None
        os.kill(killed, signal.SIGKILL)
        assert kernel.run("print(kept + 1)").strip() == "42"
        until(lambda: pid_of(platform) not in (None, killed), 90, "another platform")
        until(lambda: reaches(client), 60, "the platform to answer")
        assert kernel.run("print(kept + 1)").strip() == "42"
    after = get(client, "long").state
    assert (after.status, after.workload_id) == (ResourceStatus.RUNNING, one.state.workload_id)
    assert token_of(platform.data, str(after.workload_id)) == server.token
    shown = command(platform, "resource", "show", "long")
    assert "stops at" in shown
    assert "stays until" in command(platform, "jupyter", "extend", "long", "--for", "5h")
    assert "long" in command(platform, "jupyter", "list")
    command(platform, "jupyter", "delete", "--yes", "long")
    ended_or_gone(client, "long")
    assert (platform.home / "user" / "jupyter" / "default" / "long").is_dir()


ON_A_CLUSTER = """
import os
from distributed import Client
from prefect_platform import PlatformCluster

cluster = PlatformCluster(name="of-the-lab", shutdown_on_close=False, quiet=True)
client = Client(cluster)
print(client.submit(lambda: (sum(range(4)), os.getcwd() == %r)).result(timeout=120))
"""


def test_a_cluster_made_in_it_belongs_to_it_and_ends_with_it(
    platform: Embedded, client: PlatformClient
) -> None:
    command(platform, "jupyter", "create", "with-dask")
    one = ready(client, "with-dask")
    folder = str(platform.home / "user" / "jupyter" / "default" / "with-dask")
    with jupyter(platform, one).kernel() as kernel:
        assert kernel.run(ON_A_CLUSTER % folder).strip() == "(6, True)"
        [found] = client.clusters.list("default")
        assert (found.name, found.owner_kind) == ("of-the-lab", ClusterOwner.JUPYTER_SERVER)
        assert found.owner_id == one.id
        command(platform, "jupyter", "stop", "with-dask")
        ended(client, "with-dask")
    until(lambda: not client.clusters.list("default"), 60, "its cluster to end")
    over = client.clusters.show("default", found.id)
    assert over.reason == "Its Jupyter server was stopped."
    command(platform, "jupyter", "delete", "--yes", "with-dask")


def test_one_that_is_killed_says_so_and_stays_down(platform: Embedded, client: PlatformClient) -> None:
    command(platform, "jupyter", "create", "victim")
    one = ready(client, "victim")
    os.kill(pid(client, one), signal.SIGKILL)
    found = ended(client, "victim")
    assert found.state.status is ResourceStatus.FAILED
    assert "killed by SIGKILL" in str(found.state.reason)
    command(platform, "jupyter", "start", "victim")
    assert ready(client, "victim").state.workload_id != one.state.workload_id
    command(platform, "jupyter", "delete", "--yes", "victim")


def test_a_start_script_that_fails_names_its_line(
    platform: Embedded, client: PlatformClient, tmp_path: Path
) -> None:
    script = tmp_path / "start.sh"
    script.write_text("echo begins\nls /no/such/folder\n")
    command(platform, "jupyter", "create", "broken", "--start-script", str(script))
    found = ended(client, "broken")
    assert found.state.status is ResourceStatus.FAILED
    assert "in line 2: ls /no/such/folder" in str(found.state.reason)
    assert "No such file" in command(platform, "jupyter", "logs", "broken", "--source", "start-script")


def test_packages_are_added_to_its_interpreter(
    platform: Embedded, client: PlatformClient, tmp_path: Path
) -> None:
    wheel(tmp_path / "wheels", "tinyadded", "1.5")
    variables = [f"{name}={value}" for name, value in wheels(tmp_path / "wheels").items()]
    words = [word for one in variables for word in ("--env", one)]
    command(platform, "jupyter", "create", "more", "--package", "tinyadded", *words)
    server = jupyter(platform, ready(client, "more"))
    assert server.page("/lab").status_code == 200
    with server.kernel() as kernel:
        code = "import pandas, sys, tinyadded\nprint(tinyadded.VERSION, sys.prefix != sys.base_prefix)"
        assert kernel.run(code).split() == ["1.5", "True"]
    command(platform, "jupyter", "delete", "--yes", "more")


def test_the_example(platform: Embedded, client: PlatformClient, tmp_path: Path) -> None:
    """The recipe, the server through a one-time link, and the notebook in it, as a browser has them."""
    recipe = tmp_path / "server.yaml"
    recipe.write_text((EXAMPLE / "server.yaml").read_text().replace("name: lab", "name: weather"))
    assert "+ jupyter-server weather  create" in command(
        platform, "resource", "apply", "-f", str(recipe), "--yes"
    )
    ready(client, "weather")
    link = command(platform, "resource", "open", "--no-browser", "weather").split()[-1]
    server = Opened.by(link)
    assert "JupyterLab" in server.page("/lab").text
    assert httpx.get(
        f"{server.url}/lab", headers={"Host": server.host}, timeout=30, trust_env=False
    ).status_code in (401, 403)
    notebook = nbformat.read(EXAMPLE / "from_the_lab.ipynb", as_version=4)
    model = {"type": "notebook", "format": "json", "content": notebook}
    server.put("/api/contents/from_the_lab.ipynb", model)
    session = server.post(
        "/api/sessions",
        {"path": "from_the_lab.ipynb", "name": "", "type": "notebook", "kernel": {"name": "python3"}},
    )
    with server.connected(session["kernel"]["id"]) as kernel:
        signed_in = check_no_set_up(platform, kernel)
        told = [kernel.run(cell.source) for cell in notebook.cells if cell.cell_type == "code"][-1]
    assert "48.1° 11.6°: cold" in told
    run = client.runs.get(told.rpartition("run ")[2].split()[0])
    assert run.status == "succeeded", run.reason
    assert platform.profile["token"] not in told
    assert signed_in not in told
    flow = client.flows.find("default", "weather")
    [deployment] = flow.deployments
    assert (deployment.name, flow.owner) == ("nightly", client.me().subject)
    where = f"{platform.prefect_api}/deployments/{deployment.prefect_deployment_id}/schedules"
    [schedule] = httpx.get(where, timeout=30, trust_env=False).json()
    assert schedule["schedule"]["cron"] == "0 2 * * *"
    command(platform, "jupyter", "stop", "weather")
    ended(client, "weather")
    with connect(url=platform.profile["url"], token=signed_in) as late:
        until(lambda: refused(late), 30, "the end of the kernel's sign-in")
    command(platform, "jupyter", "delete", "--yes", "weather")


def check_no_set_up(platform: Embedded, kernel: Kernel) -> str:
    """That its kernels are signed in by the server alone; the token that they have."""
    asked = (
        "import json, os\npath = os.environ['PREFECT_PLATFORM_PROFILE']\n"
        "named = [one for one in os.environ if one.startswith('PREFECT_PLATFORM')]\n"
        "print(json.dumps([path, named, json.load(open(path))['token']]))"
    )
    path, named, token = json.loads(kernel.run(asked))
    assert Path(path).is_relative_to(platform.data)
    assert "PREFECT_PLATFORM_TOKEN" not in named
    assert token != platform.profile["token"]
    return str(token)


def refused(client: PlatformClient) -> bool:
    try:
        client.me()
    except NotSignedIn:
        return True
    return False
