"""Every example, executed by a real kernel against a real platform, and checked to the value."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from prefect_platform.client.api import PlatformClient
from prefect_platform.testing.embedded import Embedded, embedded, until
from prefect_platform.wire.runs import Run, Status

EXAMPLES = Path(__file__).parents[2] / "examples"
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory):
    with embedded(tmp_path_factory.mktemp("examples")) as running:
        yield running


def execute(
    platform: Embedded, folder: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> nbformat.NotebookNode:
    """Run a notebook as a user would: in its own folder, with only the profile to find the platform."""
    for key, value in platform.environment.items():
        if key.startswith(("XDG_", "PREFECT_PLATFORM_")):
            monkeypatch.setenv(key, value)
    notebook = nbformat.read(folder / name, as_version=4)
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(folder)}}).execute()
    return notebook


def printed(notebook: nbformat.NotebookNode) -> str:
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return "".join(output.get("text", "") for output in outputs)


def last_run(client: PlatformClient, flow: str) -> Run:
    """The newest run of a flow, once it is over."""

    def ended() -> Run | None:
        runs = [run for run in client.runs.list("default").items if run.flow_name == flow]
        return (
            runs[0] if runs and runs[0].status in {Status.SUCCEEDED, Status.FAILED, Status.CRASHED} else None
        )

    return until(ended, 120, f"a finished run of {flow}")


def log_text(client: PlatformClient, run: Run) -> str:
    sources = client.logs.sources(run.id)
    assert {source.source for source in sources} >= {"launcher", "flow"}
    assert all(source.sealed_at and source.sha256 and not source.gaps for source in sources)
    flow = next(source for source in sources if source.source == "flow")
    return client.logs.raw(flow.workload_id, "flow").decode()


def promises(client: PlatformClient, run: Run) -> dict[str, bool]:
    """Which of the six promises were kept, in the only attempt of a run; all of them were looked at."""
    [attempt] = client.runs.get(run.id).attempt_list
    found = {one.name.value: one.kept for one in attempt.workload.promises or []}
    assert set(found) == {"size", "gpu", "environment", "code", "secrets", "logs"}
    return found


def test_first_flow(platform: Embedded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = shutil.copytree(EXAMPLES / "01-first-flow", tmp_path / "nb")
    notebook = execute(platform, folder, "first_flow.ipynb", monkeypatch)
    client = platform.client()
    run = last_run(client, "hello")
    assert run.status == Status.SUCCEEDED, run.reason
    assert all(promises(client, run).values())
    lines = [line for line in log_text(client, run).splitlines() if line.startswith("Hello")]
    assert lines == [f"Hello Hello, {name}!" for name in ("Ada", "Grace", "Katherine")]
    assert "Hello Hello, Katherine!" in printed(notebook), "the cell follows the log"


def test_flight_delays(platform: Embedded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = shutil.copytree(EXAMPLES / "02-flight-delays", tmp_path / "nb")
    execute(platform, folder, "flight_delays.ipynb", monkeypatch)
    client = platform.client()
    run = last_run(client, "flight-delays")
    assert run.status == Status.SUCCEEDED, run.reason
    assert all(promises(client, run).values())
    text = log_text(client, run)
    assert "336,776 flights read" in text
    assert "mean arrival delay: 6.8954 minutes over 327,346 flights" in text
    assert "area under the ROC curve: 0.880" in text
    assert re.search(r"^F9 +681 +21\.92$", text, re.MULTILINE), "the table of carriers"
    assert "UserWarning: 9,430 flights were cancelled or diverted" in text, "warnings arrive"
    assert re.search(r"^python \d+\.\d+", text, re.MULTILINE), "what a subprocess prints arrives"

    flow = client.flows.find("default", "flight-delays")
    assert flow is not None
    assert [(d.name, d.version_number) for d in flow.deployments] == [("nightly", 1)]


def test_the_same_notebook_in_a_new_kernel_is_the_same_version_and_its_cache_is_hit(
    platform: Embedded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = shutil.copytree(EXAMPLES / "02-flight-delays", tmp_path / "nb")
    for _ in range(2):
        execute(platform, folder, "flight_delays.ipynb", monkeypatch)
    client = platform.client()
    flow = client.flows.find("default", "flight-delays")
    assert flow is not None
    assert flow.latest_version == 1
    run = last_run(client, "flight-delays")
    text = log_text(client, run)
    assert "flights read" not in text, "the second run takes the table from the cache"
    assert "area under the ROC curve: 0.880" in text


def test_secrets_and_packages(platform: Embedded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = shutil.copytree(EXAMPLES / "03-secrets-and-packages", tmp_path / "nb")
    execute(platform, folder, "signed_report.ipynb", monkeypatch)
    client = platform.client()
    second, first = [run for run in client.runs.list("default").items if run.flow_name == "report"]
    assert (first.status, second.status) == (Status.SUCCEEDED, Status.SUCCEEDED), (
        first.reason,
        second.reason,
    )
    text = log_text(client, first)
    assert "the key is ****************************\nthe file holds the same: True\n" in text
    assert "prepared by the start script: for EUR\n" in text
    assert re.search(r"north +150\n *south +100\n *west +200\n", text)
    assert "asking the database" in text
    assert "asking the database" not in log_text(client, second), "the result is kept for every run"
    assert {source.source for source in client.logs.sources(first.id)} >= {"environment", "start-script"}
    kept = promises(client, first) | promises(client, second)
    assert all(kept.values()), kept
    assert len(client.secrets.uses("default", "report-key")) == 2


def test_dask_flights(platform: Embedded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = shutil.copytree(EXAMPLES / "05-dask-flights", tmp_path / "nb")
    execute(platform, folder, "dask_flights.ipynb", monkeypatch)
    client = platform.client()
    run = last_run(client, "dask-flights")
    assert run.status == Status.SUCCEEDED, run.reason
    until(lambda: all(one.ended_at for one in client.runs.get(run.id).clusters), 60, "its cluster to end")
    until(lambda: all(one.sealed_at for one in client.logs.sources(run.id)), 60, "every log to be sealed")
    text = log_text(client, run)
    assert "16 carriers, 336776 flights" in text
    assert "from EWR: 120835, JFK: 111279, LGA: 104662" in text
    assert "latest of all: F9" in text
    workers = [one for one in client.logs.sources(run.id) if one.source.startswith("dask-worker-")]
    said = "".join(client.logs.raw(one.workload_id, one.source).decode() for one in workers)
    assert len(workers) == 4
    assert len(re.findall(r"flights, -?[0-9.]+ minutes late on average", said)) == 16
    assert client.runs.get(run.id).clusters[0].reason == "Its run has ended."


def test_interactive_cluster(platform: Embedded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = shutil.copytree(EXAMPLES / "06-interactive-cluster", tmp_path / "nb")
    notebook = execute(platform, folder, "interactive_cluster.ipynb", monkeypatch)
    text = printed(notebook)
    assert re.search(r"^EWR +\d\d,\d{3} flights, \d+\.\d\d minutes late$", text, re.MULTILINE)
    assert "16 parts of JFK were read" in text
    assert text.endswith("closed\n")
    shown = str(notebook.cells[2].outputs)
    assert "/status" in shown or "flights" in shown
    every = platform.client().clusters.list("default", ended=True)
    [found] = [one for one in every if one.name == "flights"]
    assert (found.name, found.status.value, found.reason, found.events) == (
        "flights",
        "stopped",
        "It was closed.",
        [],
    )
