"""Sizes and GPUs through the whole real platform, on a machine whose driver is two pages of C."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from prefect_platform import describe_sizes
from prefect_platform.client.api import PlatformClient
from prefect_platform.testing.embedded import Embedded, embedded, until
from prefect_platform.testing.prefect_calls import Prefect
from prefect_platform.wire.promises import PromiseName
from prefect_platform.wire.runs import FINAL, RunDetail, Status
from tests.nvidia import fake

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
FLOWS = Path(__file__).parent / "flows"
ONE, TWO = fake.gpu(1), fake.gpu(2, "Tesla T4", 15 << 30)
SIZES = """
sizes:
  - {name: small, cores: 0.5, memory: 256MiB, price_per_hour: 3600}
  - {name: gpu-1, cores: 0.5, memory: 256MiB, gpu: A100}
  - {name: vast, cores: 4096, memory: 256MiB}
  - {name: sold-out, cores: 1, memory: 1GiB, disabled: "Take small."}
"""


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    folder = tmp_path_factory.mktemp("sizes")
    libraries = folder / "lib"
    libraries.mkdir()
    fake.cuda(libraries, [ONE, TWO])
    fake.nvml(libraries, [ONE, TWO])
    (folder / "sizes.yaml").write_text(SIZES)
    (folder / "project").mkdir()
    shutil.copy(FLOWS / "sized.py", folder / "project")
    environment = {
        "LD_LIBRARY_PATH": os.pathsep.join(filter(None, [str(libraries), os.environ.get("LD_LIBRARY_PATH")])),
        "PREFECT_PLATFORM_SIZES": str(folder / "sizes.yaml"),
    }
    with embedded(folder / "home", environment=environment) as found:
        yield found


def types(platform: Embedded, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "prefect_platform", *words]
    return subprocess.run(
        command, env=platform.environment, capture_output=True, text=True, check=False, timeout=120
    )


def register(platform: Embedded, flow: str, *words: str) -> subprocess.CompletedProcess[str]:
    path = platform.home.parent / "project" / "sized.py"
    return types(platform, "flow", "register", f"{path}:{flow}", *words)


def ran(platform: Embedded, flow: str, seconds: float = 90) -> RunDetail:
    done = types(platform, "run", "start", flow, "--json")
    assert done.returncode == 0, done.stderr
    return ended(platform.client(), json.loads(done.stdout)["id"], seconds)


def ended(client: PlatformClient, run: str, seconds: float) -> RunDetail:
    def look() -> RunDetail | None:
        found = client.runs.get(run)
        return found if found.status in FINAL and all(s.sealed_at for s in client.logs.sources(run)) else None

    return until(look, seconds, f"run {run} to end")


def kept(run: RunDetail) -> dict[PromiseName, tuple[bool, str]]:
    return {one.name: (one.kept, one.summary) for one in run.attempt_list[-1].workload.promises or []}


def test_the_sizes_are_shown_with_what_cannot_be_had(platform: Embedded) -> None:
    shown = types(platform, "size", "list").stdout
    assert "GPUs of this machine: 1 x NVIDIA A100-SXM4-40GB (40 GiB), 1 x Tesla T4 (15 GiB)" in shown
    found: list[dict[str, Any]] = json.loads(types(platform, "size", "list", "--json").stdout)
    assert [one["name"] for one in found] == ["small", "gpu-1", "vast", "sold-out", "machine"]
    assert [one["unavailable"] is None for one in found] == [True, True, False, False, True]
    table = describe_sizes(platform.profile["url"], platform.profile["token"])
    assert [one["name"] for one in table] == [one["name"] for one in found]
    assert "gpus" in types(platform, "doctor").stdout


def test_a_run_with_a_gpu_has_it_alone_and_proves_it(platform: Embedded) -> None:
    done = register(platform, "tells", "--size", "gpu-1")
    assert done.returncode == 0, done.stderr
    run = ran(platform, "tells")
    workload = run.attempt_list[-1].workload
    assert run.status is Status.SUCCEEDED, run.reason
    assert (workload.size, workload.cores, workload.memory_bytes, workload.gpus) == (
        "gpu-1",
        0.5,
        256 << 20,
        [ONE.uuid],
    )
    assert f"devices: {ONE.uuid}\n".encode() in platform.client().logs.raw(workload.id, "flow")
    promises = kept(run)
    assert promises[PromiseName.GPU] == (
        True,
        "1 GPU (A100) asked for; its code can use NVIDIA A100-SXM4-40GB (40 GiB), CUDA 12.4.",
    )
    assert promises[PromiseName.SIZE][0]
    shown = types(platform, "run", "show", run.id).stdout
    assert f"gpu-1: 0.5 cores, 256 MiB memory, 1 GPU (A100): {ONE.uuid}" in shown


def test_a_run_without_one_sees_none(platform: Embedded) -> None:
    assert register(platform, "tells", "--size", "small").returncode == 0
    run = ran(platform, "tells")
    assert b"devices: -1\n" in platform.client().logs.raw(run.attempt_list[-1].workload.id, "flow")
    assert kept(run)[PromiseName.GPU] == (True, "None was asked for.")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--size", "smal"], "Did you mean 'small'?"),
        (["--size", "sold-out"], "'sold-out' is not offered: Take small."),
        (["--size", "vast"], "'vast' cannot start here: it needs 4096 cores"),
        (["--gpu", "H100"], "1 GPU (H100) asked for, and this machine has 1 x NVIDIA A100"),
        (["--gpu", "3"], "3 GPUs asked for"),
        (["--gpu", "A100:A100"], "type twice"),
    ],
)
def test_what_cannot_be_had_is_refused_before_anything_is_written(
    platform: Embedded, words: list[str], said: str
) -> None:
    done = register(platform, "sleeps", "--name", "never", *words)
    assert done.returncode == 2, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert "never" not in types(platform, "flow", "show", "sleeps").stdout


def test_a_run_that_is_bounded_is_stopped_and_prefect_hears_of_it(platform: Embedded) -> None:
    path = platform.home.parent / "project" / "sized.py"
    code = (
        "from prefect_platform import register, KubernetesRun\n"
        f"found = register({str(path) + ':sleeps'!r}, run=KubernetesRun(timeout='3s', image='a/b:1'))\n"
        "print(found.run()._run.id, *found.notes, sep='\\n')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=platform.environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    run_id, *notes = done.stdout.splitlines()
    assert any("image has no effect here, on the local backend" in note for note in notes)
    run = ended(platform.client(), run_id, 90)
    assert run.status is Status.CRASHED
    assert run.reason == "It ran longer than its timeout of 3 s, and was stopped."
    state = Prefect(platform.prefect_api).call("GET", f"flow_runs/{run_id}")["state"]
    assert state["type"] == "CRASHED"


def test_a_catalogue_that_is_broken_keeps_the_platform_from_starting(tmp_path: Path) -> None:
    (tmp_path / "sizes.yaml").write_text(SIZES.replace("cores: 0.5", "cores: none"))
    environment = {
        **os.environ,
        "PREFECT_PLATFORM_DATA_DIR": str(tmp_path / "data"),
        "PREFECT_PLATFORM_PORT": "0",
        "PREFECT_PLATFORM_SIZES": str(tmp_path / "sizes.yaml"),
    }
    done = subprocess.run(
        [sys.executable, "-m", "prefect_platform", "server"],
        env=environment, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode != 0
    assert f"{tmp_path / 'sizes.yaml'} cannot be used: size 1 ('small'), cores" in done.stderr
    assert "Traceback" not in done.stderr


def test_usage_is_the_time_that_a_run_held_its_room_at_the_price_of_its_size(platform: Embedded) -> None:
    done = register(platform, "tells", "--size", "small", "--name", "priced")
    assert done.returncode == 0, done.stderr
    started = types(platform, "run", "start", "tells", "--deployment", "priced", "--json")
    run = ended(platform.client(), json.loads(started.stdout)["id"], 90)
    workload = run.attempt_list[-1].workload
    admitted = next(move.at for move in workload.transitions if move.status is Status.PROVISIONING)
    assert workload.ended_at is not None
    seconds = (workload.ended_at - admitted).total_seconds()
    asked = ["usage", "--by", "run,flow,user,size,kind,day", "--timezone", "America/New_York"]
    found = json.loads(types(platform, *asked, "--json").stdout)
    mine = [row for row in found["rows"] if row["run"] == run.id]
    user = platform.client().me().subject
    assert {(row["flow"], row["user"], row["size"], row["kind"]) for row in mine} == {
        ("tells", user, "small", "run-attempt")
    }
    assert sum(row["hours"] for row in mine) == pytest.approx(seconds / 3600, abs=1e-5)
    assert sum(row["core_hours"] for row in mine) == pytest.approx(seconds / 7200, abs=1e-5)
    assert sum(row["price"] for row in mine) == pytest.approx(seconds, abs=0.01)
    csv = types(platform, *asked, "--csv").stdout
    assert run.id in csv
    shown = types(platform, "usage").stdout
    assert "tells" in shown
    assert shown.splitlines()[-1].startswith("total")
