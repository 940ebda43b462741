"""What a run uses over its life, through a real launcher: a line every two seconds, sealed with its log."""

from __future__ import annotations

from pathlib import Path

import pytest

from prefect_platform.testing.launcher_platform import launcher_platform
from prefect_platform.testing.launcher_scene import launched, script, spec
from prefect_platform.wire.launch import SAMPLES_SOURCE, GpusAsked
from tests.nvidia import fake

ONE = fake.gpu(1)
WORKS = """
import pathlib
held = bytearray(32 << 20)
while not pathlib.Path({go!r}).exists():
    sum(range(100000))
"""


def test_a_run_that_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake.nvml(tmp_path, [ONE])
    library = {
        "LD_LIBRARY_PATH": str(fake.cuda(tmp_path)),
        "FAKE_GPUS": fake.variable(ONE),
        "FAKE_GPU_USE": f"37,{1 << 30}",
    }
    for name, value in library.items():  # the launcher looks too
        monkeypatch.setenv(name, value)
    code = script(tmp_path, WORKS.format(go=str(tmp_path / "go")))
    asked = GpusAsked("1 GPU (A100)", [ONE.uuid])
    with launcher_platform(tmp_path / "platform") as platform:
        wanted = spec(platform, code, environment=library, gpu=asked, visible_gpus=ONE.uuid)
        with launched(platform, tmp_path / "w", wanted) as launch:
            platform.wait(lambda: platform.log(SAMPLES_SOURCE).count(b"\n") >= 2, "two samples")
            (tmp_path / "go").touch()
            assert launch.wait() == 0, launch.stderr
        first, second = platform.log(SAMPLES_SOURCE).decode().splitlines()[:2]
        assert all(log.sealed for log in platform.logs.values())
    assert int(second.split()[1]) > 50, "thousandths of a core"
    assert int(second.split()[2]) > 32 << 20
    assert second.split()[3:] == ["37", str(1 << 30)]
    assert int(second.split()[0]) - int(first.split()[0]) > 1500
