"""The promise of the GPU, against a `libcuda.so.1` that the dynamic linker finds as it finds NVIDIA's."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from prefect_platform.launcher import gpu
from prefect_platform.launcher.faults import EngineFault
from prefect_platform.launcher.promises import Promises
from prefect_platform.launcher.report import Promise
from prefect_platform.wire.launch import FlowRun, GpusAsked, LaunchSpec
from tests.interrupts import Quiet
from tests.nvidia import fake

ONE, TWO = fake.gpu(1), fake.gpu(2, "Tesla T4", 15 << 30)


def spec(asked: GpusAsked | None, visible: str | None, interpreter: str = sys.executable) -> LaunchSpec:
    return LaunchSpec(
        workload_id="w1", attempt_id="a1", interpreter=interpreter, python_version="3.11.7", environment={},
        secrets=[], flow_run=FlowRun("f1", "http://127.0.0.1:1", "flow.py:etl"), bundle=None,
        grace_seconds=1.0, memory_bytes=1 << 30, gpu=asked, visible_gpus=visible,
    )  # fmt: skip


class Checked:
    """What one check finds with these devices on the machine."""

    def __init__(self, directory: Path, launch: LaunchSpec, seconds: float = 30.0, **variables: str) -> None:
        told: list[Promise] = []
        promises = Promises(told.extend)
        environment = {"PATH": os.environ["PATH"], **variables, **gpu.variables(launch)}
        self.fault: str | None = None
        self.found: str | None = None
        try:
            self.found = gpu.check(promises, launch, directory, environment, Quiet(), seconds)
        except EngineFault as fault:
            self.fault = str(fault)
        promises.tell()
        self.promise = next(one for one in told if one.name == "gpu")


@pytest.fixture
def library(tmp_path: Path) -> str:
    return str(fake.cuda(tmp_path))


def test_none_asked_for_is_kept_and_starts_nothing(tmp_path: Path) -> None:
    checked = Checked(tmp_path, spec(None, "-1", "/no/such/interpreter"))
    assert checked.promise == Promise("gpu", kept=True, summary="None was asked for.")


def test_what_was_given_is_there(tmp_path: Path, library: str) -> None:
    launch = spec(GpusAsked("1 GPU (A100)", [ONE.uuid]), ONE.uuid)
    checked = Checked(tmp_path, launch, LD_LIBRARY_PATH=library, FAKE_GPUS=fake.variable(ONE, TWO))
    assert checked.promise.kept
    assert checked.promise.summary == (
        "1 GPU (A100) asked for; its code can use NVIDIA A100-SXM4-40GB (40 GiB), CUDA 12.4."
    )
    assert checked.found == "NVIDIA A100-SXM4-40GB (40 GiB), CUDA 12.4"


def test_two_in_any_order(tmp_path: Path, library: str) -> None:
    launch = spec(GpusAsked("2 GPUs", [TWO.uuid, ONE.uuid], 2), f"{TWO.uuid},{ONE.uuid}")
    checked = Checked(tmp_path, launch, LD_LIBRARY_PATH=library, FAKE_GPUS=fake.variable(ONE, TWO))
    assert checked.promise.kept


def test_one_of_two_that_has_gone_ends_the_attempt(tmp_path: Path, library: str) -> None:
    launch = spec(GpusAsked("2 GPUs", [ONE.uuid, TWO.uuid], 2), f"{ONE.uuid},{TWO.uuid}")
    checked = Checked(tmp_path, launch, LD_LIBRARY_PATH=library, FAKE_GPUS=fake.variable(ONE))
    assert not checked.promise.kept
    assert checked.promise.differences == (f"device {TWO.uuid}: given to the run, and not there",)
    assert "asked for 2 GPUs" in str(checked.fault)
    assert "nothing of the flow was started" in str(checked.fault)


def test_no_driver_at_all(tmp_path: Path) -> None:
    (tmp_path / "libcuda.so.1").write_text("no library")  # found first wherever a real one is installed
    launch = spec(GpusAsked("1 GPU", [ONE.uuid]), ONE.uuid)
    checked = Checked(tmp_path, launch, LD_LIBRARY_PATH=str(tmp_path))
    assert "libcuda.so.1" in str(checked.fault)
    assert not checked.promise.kept


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"FAKE_CUDA_ERROR": "803"}, "cuInit answers 803, CUDA_ERROR_SYSTEM_DRIVER_MISMATCH"),
        ({"FAKE_CUDA_ERROR": "4242"}, "cuInit answers 4242, an error"),
        ({"FAKE_GPUS": ""}, "cuInit answers 100, CUDA_ERROR_NO_DEVICE"),
    ],
)
def test_a_driver_that_refuses(tmp_path: Path, library: str, variables: dict[str, str], words: str) -> None:
    launch = spec(GpusAsked("1 GPU", [ONE.uuid]), ONE.uuid)
    checked = Checked(tmp_path, launch, LD_LIBRARY_PATH=library, **variables)
    assert words in str(checked.fault)
    assert checked.promise.differences == (words,)


def test_a_driver_that_hangs(tmp_path: Path, library: str) -> None:
    launch = spec(GpusAsked("1 GPU", [ONE.uuid]), ONE.uuid)
    checked = Checked(tmp_path, launch, LD_LIBRARY_PATH=library, FAKE_CUDA_HANG="1", seconds=0.5)
    assert "did not answer within 0.5 s" in str(checked.fault)


@pytest.mark.parametrize(
    "said", ["", "not json", "[]", '{"devices": []}', '{"devices": [{"uuid": 1}], "driver": 1}']
)
def test_an_interpreter_that_answers_something_else(tmp_path: Path, said: str) -> None:
    odd = tmp_path / "python"
    odd.write_text(f"#!/bin/sh\nprintf '%s' '{said}'\n")
    odd.chmod(0o755)
    checked = Checked(tmp_path, spec(GpusAsked("1 GPU", [ONE.uuid]), ONE.uuid, str(odd)))
    assert "could not be asked" in str(checked.fault)


def test_an_interpreter_that_dies(tmp_path: Path) -> None:
    dead = tmp_path / "python"
    dead.write_text("#!/bin/sh\necho no cuda here >&2\nexit 3\n")
    dead.chmod(0o755)
    checked = Checked(tmp_path, spec(GpusAsked("1 GPU", [ONE.uuid]), ONE.uuid, str(dead)))
    assert "status 3: no cuda here" in str(checked.fault)


def test_where_the_infrastructure_chooses_the_count_is_what_counts(tmp_path: Path, library: str) -> None:
    variables: dict[str, Any] = {"LD_LIBRARY_PATH": library, "FAKE_GPUS": fake.variable(ONE)}
    assert Checked(tmp_path, spec(GpusAsked("1 GPU"), None), **variables).promise.kept
    short = Checked(tmp_path, spec(GpusAsked("2 GPUs", count=2), None), **variables)
    assert "devices: 2 asked for, 1 found" in str(short.fault)


def test_what_makes_them_visible() -> None:
    assert gpu.variables(spec(None, None)) == {}
    assert gpu.variables(spec(None, "-1")) == {"CUDA_VISIBLE_DEVICES": "-1"}
