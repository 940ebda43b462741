"""Size, GPU and timeout through a real launcher: what its promises say, and what the engine is shown."""

from __future__ import annotations

import platform as python
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from prefect_platform.testing.embedded import until
from prefect_platform.testing.launcher_platform import LauncherPlatform, launcher_platform
from prefect_platform.testing.launcher_scene import Launched, alive, launched, script, spec
from prefect_platform.wire.launch import GpusAsked, WantedEnvironment
from tests.nvidia import fake

ONE, TWO = fake.gpu(1), fake.gpu(2, "Tesla T4", 15 << 30)
TELLS = "import os; print(os.environ.get('CUDA_VISIBLE_DEVICES', 'not said'))"


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[LauncherPlatform]:
    with launcher_platform(tmp_path / "platform") as made:
        yield made


def run(platform: LauncherPlatform, tmp_path: Path, code: str, **changes: Any) -> Launched:
    with launched(platform, tmp_path / "w", spec(platform, script(tmp_path, code), **changes)) as launch:
        assert launch.wait() == 0, launch.stderr
    return launch


def promise(platform: LauncherPlatform, name: str) -> dict[str, Any]:
    [found] = [one for one in platform.promises if one["name"] == name]
    return dict(found)


def test_a_gpu_that_was_given_is_proved_and_alone_is_visible(
    platform: LauncherPlatform, tmp_path: Path
) -> None:
    library = {"LD_LIBRARY_PATH": str(fake.cuda(tmp_path)), "FAKE_GPUS": fake.variable(ONE, TWO)}
    hostile = {**library, "CUDA_VISIBLE_DEVICES": TWO.uuid}  # what a user may have set
    asked = GpusAsked("1 GPU (A100)", [ONE.uuid])
    run(platform, tmp_path, TELLS, environment=hostile, gpu=asked, visible_gpus=ONE.uuid)
    assert platform.log("flow").decode() == f"{ONE.uuid}\n"
    assert promise(platform, "gpu")["kept"]
    assert b"The run has NVIDIA A100-SXM4-40GB (40 GiB), CUDA 12.4." in platform.log("launcher")


def test_a_gpu_that_does_not_answer_ends_the_attempt_before_user_code(
    platform: LauncherPlatform, tmp_path: Path
) -> None:
    library = {"LD_LIBRARY_PATH": str(fake.cuda(tmp_path)), "FAKE_GPUS": fake.variable(TWO)}
    asked = GpusAsked("1 GPU (A100)", [ONE.uuid])
    run(platform, tmp_path, "print('user code')", environment=library, gpu=asked, visible_gpus=ONE.uuid)
    assert b"user code" not in platform.log("flow")
    found = promise(platform, "gpu")
    assert not found["kept"]
    assert found["differences"] == ["cuInit answers 100, CUDA_ERROR_NO_DEVICE"]
    assert platform.result is not None
    assert "asked for 1 GPU (A100), and its code could not use" in platform.result["reason"]
    assert promise(platform, "size")["kept"]  # what was looked at before is told too


def test_a_run_that_asked_for_none_is_shown_none(platform: LauncherPlatform, tmp_path: Path) -> None:
    run(platform, tmp_path, TELLS, visible_gpus="-1")
    assert platform.log("flow") == b"-1\n"
    assert promise(platform, "gpu") == {
        "name": "gpu", "kept": True, "summary": "None was asked for.", "differences": [],
    }  # fmt: skip


def test_the_promise_of_the_size_is_told(platform: LauncherPlatform, tmp_path: Path) -> None:
    run(platform, tmp_path, "print()", size="small", cores=1.0, memory_bytes=64 << 20)
    found = promise(platform, "size")
    assert found["kept"]
    assert found["summary"].startswith("small: 1 core and 64 MiB asked for; this process may use ")
    assert found["summary"].endswith("admitted and watched, not enforced.")


def test_a_size_that_is_not_there_is_broken_and_the_run_goes_on(
    platform: LauncherPlatform, tmp_path: Path
) -> None:
    run(platform, tmp_path, "print('on')", size="vast", cores=4096.0)
    found = promise(platform, "size")
    assert not found["kept"]
    assert found["differences"][0].startswith("cores: 4096 asked for, ")
    assert platform.log("flow") == b"on\n"


def test_an_engine_that_runs_for_too_long_is_stopped_with_the_reason(
    platform: LauncherPlatform, tmp_path: Path
) -> None:
    began = time.monotonic()
    run(platform, tmp_path, "import time; print('on', flush=True); time.sleep(60)", timeout_seconds=1.0)
    assert time.monotonic() - began < 20
    assert platform.result is not None
    assert platform.result["reason"] == "It ran longer than its timeout of 1 s, and was stopped."
    assert platform.result["signal"] == 15
    assert b"timeout of 1 s, and was stopped. Its processes have 5 s to end." in platform.log("launcher")


def test_one_that_does_not_listen_is_killed_after_its_grace(
    platform: LauncherPlatform, tmp_path: Path
) -> None:
    code = "import signal, time; signal.signal(15, signal.SIG_IGN); print('on', flush=True); time.sleep(60)"
    run(platform, tmp_path, code, timeout_seconds=1.0, grace_seconds=0.5)
    assert platform.result is not None
    assert platform.result["signal"] == 9
    assert platform.result["reason"] == "It ran longer than its timeout of 1 s, and was stopped."


def test_one_that_ends_in_time_hears_nothing_of_it(platform: LauncherPlatform, tmp_path: Path) -> None:
    run(platform, tmp_path, "print('done')", timeout_seconds=3600.0)
    assert platform.result is not None
    assert (platform.result["exit_code"], platform.result["reason"]) == (0, None)


@pytest.mark.parametrize("what", ["driver", "interpreter"])
def test_a_stop_ends_a_start_that_waits_for_one_that_hangs(
    platform: LauncherPlatform, tmp_path: Path, what: str
) -> None:
    asked, sign = GpusAsked("1 GPU (A100)", [ONE.uuid]), tmp_path / "child"
    hangs = f"sleep 1000 & echo $! > {sign}; wait"
    when = "*CUDA*|*cuda*)" if what == "driver" else "*)"
    odd = tmp_path / "odd-python"
    odd.write_text(f'#!/bin/sh\ncase "$2" in {when} {hangs} ;; esac\nexec {sys.executable} "$@"\n')
    odd.chmod(0o755)
    made = replace(
        spec(platform, script(tmp_path, TELLS), gpu=asked, visible_gpus=ONE.uuid), interpreter=str(odd)
    )
    with launched(platform, tmp_path / "w", made) as launch:
        until(lambda: sign.exists() and sign.read_text(), 20, "the question")
        launch.terminate()
        assert launch.wait() == 0
    assert platform.result is not None
    assert "Cancelled before the run was started" in platform.result["reason"]
    assert not alive(int(sign.read_text()))
    assert platform.log("flow") == b""


def test_a_timeout_counts_from_the_start_script_on(platform: LauncherPlatform, tmp_path: Path) -> None:
    wanted = WantedEnvironment(
        "f" * 64, python.python_version(), python.python_implementation(), [], start_script="sleep 1000"
    )
    run(platform, tmp_path, "print('on')", wanted=wanted, timeout_seconds=1.0)
    assert platform.result is not None
    assert platform.result["reason"] == (
        "It ran longer than its timeout of 1 s, and was stopped. That was in its start script."
    )
    assert platform.log("flow") == b""
