"""NVIDIA's two libraries, compiled from a page of C each: what calls them calls real shared objects by name."""

from __future__ import annotations

import shutil
import subprocess
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


def build(directory: Path, source: str, library: str) -> Path:
    """Compile one of them below `directory`, under the name that programs look for."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler is installed, so there is no library to stand for NVIDIA's")
    path = directory / library
    subprocess.run([compiler, "-shared", "-fPIC", "-o", path, HERE / source], check=True, timeout=60)
    return path


def cuda(directory: Path) -> Path:
    """A directory for LD_LIBRARY_PATH with a `libcuda.so.1`."""
    build(directory, "cuda.c", "libcuda.so.1")
    return directory


def nvml(directory: Path) -> str:
    return str(build(directory, "nvml.c", "libnvidia-ml.so.1"))
