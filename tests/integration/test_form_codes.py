"""What the web UI's form shows as code is true: every text is run, and what it makes is compared.

The texts come from `web_ui/components/src/form/code/cases.json`, which the web UI's own tests keep current.
"""

from __future__ import annotations

import ast
import inspect
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from prefect_platform.cli import flow_register
from prefect_platform.cli.dask_options import dask
from prefect_platform.client.api import PlatformClient
from prefect_platform.dask_cluster import cluster_options
from prefect_platform.dask_cluster.cluster import PlatformCluster
from prefect_platform.server.services.specs import parsed
from prefect_platform.testing.live_server import LiveServer, live_server
from prefect_platform.wire.dask_spec import DaskSpec
from prefect_platform.wire.recipes import SPECS
from prefect_platform.wire.resources import ResourceKind

FILE = Path(__file__).parents[2] / "web_ui/components/src/form/code/cases.json"
CASES = json.loads(FILE.read_text(encoding="utf-8"))
RESOURCES = [one for one in CASES if one["wanted"]["kind"] != "dask-cluster"]
CLUSTERS = [one for one in CASES if one["wanted"]["kind"] == "dask-cluster"]


def _name(case: dict[str, Any]) -> str:
    return f"{case['wanted']['kind']}-{case['wanted']['name']}"


@pytest.fixture(scope="module", params=["python", "command", "yaml"])
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def server(way: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """One for each way, so that all of them can make resources of the same names."""
    with live_server(tmp_path_factory.mktemp(way)) as running:
        yield running


@pytest.fixture(scope="module")
def client(server: LiveServer) -> Iterator[PlatformClient]:
    with PlatformClient(server.url, server.token, project="default") as connected:
        for name in ("db-password", "ssh-key"):
            connected.secrets.set("default", name, "a value")
        yield connected


@pytest.mark.parametrize("case", RESOURCES, ids=_name)
def test_the_text_makes_what_the_form_says(
    server: LiveServer, client: PlatformClient, case: dict[str, Any], way: str
) -> None:
    wanted = case["wanted"]
    kind = ResourceKind(wanted["kind"])
    if wanted["there"]:
        client.resources.create("default", kind, wanted["name"], {}, start=False)
    _run(server, way, case[way])
    found = client.resources.get("default", kind, wanted["name"])
    assert found.spec == parsed(SPECS[kind], wanted["spec"]).model_dump(mode="json", exclude_defaults=True)
    assert found.state.target == "stopped"


def _run(server: LiveServer, way: str, text: str) -> None:
    commands = {
        "python": [sys.executable, "-c", text],
        "command": ["bash", "-c", text],
        "yaml": ["prefect-platform", "resource", "apply", "--yes", "--no-start", "-f", "-"],
    }
    signed_in = {"PREFECT_PLATFORM_URL": server.url, "PREFECT_PLATFORM_TOKEN": server.token}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        commands[way],
        input=text if way == "yaml" else "",
        env={**os.environ, **signed_in, "PATH": path},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize("case", CLUSTERS, ids=_name)
def test_the_command_for_a_cluster_asks_for_what_the_form_says(case: dict[str, Any]) -> None:
    words = shlex.split(case["command"].replace("\\\n", " "))
    assert words[:3] == ["prefect-platform", "flow", "register"]
    context = flow_register.command.make_context("register", words[3:], resilient_parsing=False)
    found = dask(context.params)["dask"]
    assert found.spec == _spec(case)


@pytest.mark.parametrize("case", CLUSTERS, ids=_name)
def test_the_python_for_a_cluster_asks_for_what_the_form_says(case: dict[str, Any]) -> None:
    call = ast.parse(case["python"]).body[-1].value  # type: ignore[attr-defined]
    said = {one.arg: ast.literal_eval(one.value) for one in call.keywords}
    inspect.signature(PlatformCluster).bind(**said)
    assert said["shutdown_on_close"] is False  # nor does what the form opens end with anybody's kernel
    found = cluster_options.check(said)
    assert (found.name, found.spec) == (case["wanted"]["name"], DaskSpec(**case["wanted"]["spec"]))


def _spec(case: dict[str, Any]) -> DaskSpec:
    """What belongs to a run has no times of its own: it ends with the run."""
    return DaskSpec.model_validate(case["wanted"]["spec"]).model_copy(
        update={"idle_timeout_seconds": None, "lifetime_seconds": None}
    )
