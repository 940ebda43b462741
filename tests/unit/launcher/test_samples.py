"""What a workload uses: measured from real processes, and from NVML's library with devices of ours."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from prefect_platform.launcher.linux import busy_seconds
from prefect_platform.launcher.memory import TreeMemory
from prefect_platform.launcher.nvml import GpuUse
from prefect_platform.launcher.samples import Samples
from prefect_platform.launcher.source import Source
from prefect_platform.launcher.spool import Spool
from prefect_platform.masking.masker import Masker
from prefect_platform.testing.embedded import until
from tests.nvidia import fake

LINE = re.compile(r"(\d{13}) (\d+) (\d+) (\d+|-) (\d+|-)")
ONE, TWO = fake.gpu(1), fake.gpu(2)
WORKS = "import time\nheld = bytearray(64 << 20)\nwhile True: pass"


def source(folder: Path) -> Source:
    return Source("samples", Spool(folder, 1 << 20), Masker(None), 1 << 20, lambda: None)


def lines(made: Source) -> list[str]:
    return made.spool.read(0, 1 << 20).decode().splitlines()


def test_cores_and_memory_of_all_processes(tmp_path: Path) -> None:
    made, memory = source(tmp_path), TreeMemory(1 << 30)
    with subprocess.Popen([sys.executable, "-c", WORKS]) as child:
        try:
            until(lambda: busy_seconds(child.pid) > 0.2, 30, "some work")
            memory.look()
            assert child.pid in memory.processes
            samples = Samples(lambda: made, memory, GpuUse([]), pause=0.05)
            samples.begin()
            until(
                lambda: made.size and any(int(one.split()[1]) > 100 for one in lines(made)), 30, "its cores"
            )
            samples.close()
        finally:
            child.kill()
    found = [LINE.fullmatch(one) for one in lines(made)]
    assert all(found)
    assert max(int(one[3]) for one in found if one) > 64 << 20
    assert {(one[4], one[5]) for one in found if one} == {("-", "-")}
    at = [int(one[1]) for one in found if one]
    assert at == sorted(at)
    assert abs(at[-1] / 1000 - time.time()) < 3600


def test_the_longer_it_runs_the_fewer_they_become(tmp_path: Path) -> None:
    made = source(tmp_path)
    samples = Samples(lambda: made, TreeMemory(1 << 30), GpuUse([]), pause=0.001, lines=4)
    samples.begin()
    until(lambda: made.size and len(lines(made)) >= 14, 30, "samples")
    samples.close()
    assert samples._pause in {0.008, 0.016, 0.032}, "doubled after every four"


def test_what_is_over_at_once_opens_no_source() -> None:
    def never() -> Source:
        raise AssertionError("no sample was due")

    samples = Samples(never, TreeMemory(1 << 30), GpuUse([]), pause=60)
    samples.close()
    samples = Samples(never, TreeMemory(1 << 30), GpuUse([]), pause=60)
    samples.begin()
    samples.close()


def test_the_highest_since_the_last_time() -> None:
    memory = TreeMemory(1 << 30)
    for size in (3, 9, 4):
        memory._found(size)
    assert [memory.take_highest(), memory.take_highest()] == [9, 4]
    assert memory.peak_bytes == 9


def test_gpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library = fake.nvml(tmp_path, [ONE, TWO])
    monkeypatch.setenv("FAKE_GPU_USE", f"37,{1 << 30}")
    assert GpuUse([ONE.uuid], library).look() == f"37 {1 << 30}"
    assert GpuUse([ONE.uuid, TWO.uuid], library).look() == f"37 {2 << 30}"
    assert GpuUse(["GPU-of-another-machine"], library).look() == "- -"
    assert GpuUse([ONE.uuid], str(tmp_path / "no-driver.so")).look() == "- -"


def test_a_part_of_a_gpu_has_no_percentage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library = fake.nvml(tmp_path, [ONE])
    monkeypatch.delenv("FAKE_GPU_USE", raising=False)
    assert GpuUse([ONE.uuid], library).look() == "- 0"
