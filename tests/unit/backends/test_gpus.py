"""What is known of a machine's GPUs: NVML from a real shared object, and the list that tests bring."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import pytest

from prefect_platform.backends.local.backend import LocalBackend
from prefect_platform.backends.local.gpus import LOOK_SECONDS, Gpus, MemoryGpus, NvmlGpus
from prefect_platform.backends.local.settings import visible_devices
from prefect_platform.testing.gpus_contract import TWO, GpusContract
from prefect_platform.wire.sizes import Gpu
from tests.nvidia import fake


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The libraries read the environment of the process, as the real ones do."""
    for name in ("FAKE_GPUS", "FAKE_NVML_ERROR"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


class TestMemory(GpusContract):
    def make_gpus(self, directory: Path, gpus: Sequence[Gpu]) -> Gpus:
        return MemoryGpus(gpus)

    def make_broken(self, directory: Path) -> Gpus:
        return MemoryGpus(problem="The driver does not answer.", known=False)

    def make_none(self, directory: Path) -> Gpus:
        return MemoryGpus()


class TestNvml(GpusContract):
    @pytest.fixture(autouse=True)
    def _environment(self, machine: pytest.MonkeyPatch) -> None:
        self.machine = machine

    def make_gpus(self, directory: Path, gpus: Sequence[Gpu]) -> Gpus:
        self.machine.setenv("FAKE_GPUS", fake.variable(*gpus))
        return NvmlGpus(fake.nvml(directory))

    def make_broken(self, directory: Path) -> Gpus:
        self.machine.setenv("FAKE_NVML_ERROR", "18")
        return NvmlGpus(fake.nvml(directory))

    def make_none(self, directory: Path) -> Gpus:
        return NvmlGpus("libnvidia-ml-which-nobody-has.so.1")


def test_a_broken_driver_is_said_once_and_then_looked_at_again(
    tmp_path: Path, machine: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    machine.setenv("FAKE_NVML_ERROR", "18")
    machine.setenv("FAKE_GPUS", fake.variable(*TWO))
    now = [0.0]
    gpus = NvmlGpus(fake.nvml(tmp_path), clock=lambda: now[0])
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            problem = gpus.look().problem
            now[0] += LOOK_SECONDS
    assert problem is not None
    assert "Driver/library version mismatch" in problem
    assert "nvidia-smi" in problem
    assert len(caplog.records) == 1
    machine.delenv("FAKE_NVML_ERROR")
    assert gpus.look().gpus == TWO


def test_the_driver_is_not_woken_at_every_look(tmp_path: Path, machine: pytest.MonkeyPatch) -> None:
    machine.setenv("FAKE_GPUS", fake.variable(*TWO))
    now = [0.0]
    gpus = NvmlGpus(fake.nvml(tmp_path), clock=lambda: now[0])
    assert len(gpus.look().gpus) == 2
    machine.setenv("FAKE_GPUS", fake.variable(TWO[0]))
    assert len(gpus.look().gpus) == 2
    now[0] += LOOK_SECONDS
    assert gpus.look().gpus == TWO[:1]


def test_a_library_that_lacks_a_call_is_a_problem_and_no_crash(tmp_path: Path) -> None:
    (tmp_path / "empty.c").write_text("int nothing;\n")
    library = fake.build(tmp_path, str(tmp_path / "empty.c"), "libnvidia-ml.so.1")
    assert "nvmlInit_v2" in str(NvmlGpus(str(library)).look().problem)


@pytest.mark.parametrize(
    ("visible", "left"),
    [
        ("", []),
        ("-1", []),
        ("1", [1]),
        ("1,0", [1, 0]),
        ("0,7,1", [0]),
        ("GPU-00000000-0000-4000-8000-000000000002", [1]),
        ("NoDevFiles", []),
        ("0,0", [0]),
        ("GPU-'; DROP TABLE", []),
        ("²", []),
    ],
)
def test_what_the_platform_was_started_without_is_left_alone(
    tmp_path: Path, machine: pytest.MonkeyPatch, visible: str, left: list[int]
) -> None:
    machine.setenv("FAKE_GPUS", fake.variable(*TWO))
    found = NvmlGpus(fake.nvml(tmp_path), visible=visible).look()
    assert found.gpus == tuple(TWO[n] for n in left)


def test_a_device_that_is_divided_is_left_alone_and_said(tmp_path: Path, machine: pytest.MonkeyPatch) -> None:
    machine.setenv("FAKE_GPUS", fake.variable(TWO[0], fake.gpu(9, "NVIDIA H100 MIG")))
    found = NvmlGpus(fake.nvml(tmp_path)).look()
    assert found.gpus == TWO[:1]
    assert "H100 MIG: divided" in str(found.problem)
    assert found.known, "the driver has answered"


@pytest.mark.asyncio
async def test_the_local_backend_tells_them(tmp_path: Path) -> None:
    assert visible_devices({"CUDA_VISIBLE_DEVICES": "1"}) == "1"
    assert visible_devices({}) is None
    backend = LocalBackend(tmp_path, gpus=MemoryGpus(TWO, "one more does not answer", known=False))
    found = await backend.capacity([])
    assert found is not None
    assert (found.gpus, found.gpu_problem, found.gpus_known) == (TWO, "one more does not answer", False)
    await backend.close()


def test_a_look_that_fails_takes_no_device_away(tmp_path: Path, machine: pytest.MonkeyPatch) -> None:
    """Runs that wait for a device would be told that there is none, and others would see it."""
    machine.setenv("FAKE_GPUS", fake.variable(*TWO))
    now = [0.0]
    gpus = NvmlGpus(fake.nvml(tmp_path), clock=lambda: now[0])
    assert gpus.look().gpus == TWO
    machine.setenv("FAKE_NVML_ERROR", "18")
    now[0] += LOOK_SECONDS
    found = gpus.look()
    assert found.gpus == TWO
    assert "mismatch" in str(found.problem)
    assert not found.known
    machine.delenv("FAKE_NVML_ERROR")
    now[0] += LOOK_SECONDS
    assert (gpus.look().gpus, gpus.look().problem) == (TWO, None)
