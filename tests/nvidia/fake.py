"""NVIDIA's two libraries, each compiled from a page of C: what calls them calls real shared objects."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from prefect_platform.wire.sizes import Gpu

HERE = Path(__file__).parent
GIB = 1 << 30


def gpu(number: int, name: str = "NVIDIA A100-SXM4-40GB", memory_bytes: int = 40 * GIB) -> Gpu:
    return Gpu(uuid=f"GPU-00000000-0000-4000-8000-{number:012x}", name=name, memory_bytes=memory_bytes)


def variable(*gpus: Gpu) -> str:
    """FAKE_GPUS for these."""
    return ";".join(f"{one.uuid},{one.name},{one.memory_bytes}" for one in gpus)


def build(directory: Path, source: str, library: str, gpus: Sequence[Gpu] = ()) -> Path:
    """Compile one of them below `directory`, under the name that programs look for.

    `gpus` are those of a process without FAKE_GPUS: variables do not reach everything that a platform starts.
    """
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler is installed, so there is no library to stand for NVIDIA's")
    path = directory / library
    devices = f'-DDEVICES="{variable(*gpus)}"'
    subprocess.run([compiler, "-shared", "-fPIC", devices, "-o", path, HERE / source], check=True, timeout=60)
    return path


def cuda(directory: Path, gpus: Sequence[Gpu] = ()) -> Path:
    """A directory for LD_LIBRARY_PATH with a `libcuda.so.1`."""
    build(directory, "cuda.c", "libcuda.so.1", gpus)
    return directory


def nvml(directory: Path, gpus: Sequence[Gpu] = ()) -> str:
    return str(build(directory, "nvml.c", "libnvidia-ml.so.1", gpus))
