"""Small wheels and interpreters for tests of environments: an index that is a folder, and no network."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import uv

UV = uv.find_uv_bin()

ENGINE = """
import importlib, os, sys
print("engine", sys.prefix)
for name in os.environ.get("SHOW", "").split():
    try:
        module = importlib.import_module(name)
        print(name, getattr(module, "VERSION", "found"))
    except ImportError:
        print(name, "missing")
"""
"""What stands for Prefect's engine: it shows which modules the run has."""


def wheel(
    folder: Path,
    name: str,
    version: str,
    *,
    requires: Sequence[str] = (),
    files: Mapping[str, str] | None = None,
) -> Path:
    """A pure wheel whose module has a `VERSION`."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{version}-py3-none-any.whl"
    told = f"{name}-{version}.dist-info"
    metadata = [f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}"]
    metadata += [f"Requires-Dist: {line}" for line in requires]
    content = {
        f"{name}/__init__.py": f"VERSION = {version!r}\n",
        **(files or {}),
        f"{told}/METADATA": "\n".join(metadata) + "\n",
        f"{told}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    with zipfile.ZipFile(path, "w") as archive:
        for file, text in content.items():
            archive.writestr(file, text)
        archive.writestr(f"{told}/RECORD", "".join(f"{file},,\n" for file in [*content, f"{told}/RECORD"]))
    return path


def engine_wheel(folder: Path, version: str = "3.0") -> Path:
    """A `prefect` that shows what it finds."""
    return wheel(folder, "prefect", version, files={"prefect/engine.py": ENGINE})


def environment(folder: Path) -> dict[str, str]:
    """What makes `uv` install from a folder alone."""
    cache = {"UV_CACHE_DIR": str(folder.parent / "uv-cache")}
    return {"UV_NO_INDEX": "1", "UV_FIND_LINKS": str(folder), "UV_OFFLINE": "1", **cache}


def interpreter(place: Path, index: Path, *packages: str) -> Path:
    """A virtual environment with these packages."""
    call("venv", "--quiet", "--no-project", "--python", sys.executable, str(place), index=index)
    if packages:
        install(place, index, *packages)
    return place / "bin" / "python"


def install(place: Path, index: Path, *packages: str) -> None:
    call("pip", "install", "--quiet", "--python", str(place / "bin" / "python"), *packages, index=index)


def call(*arguments: str, index: Path) -> None:
    done = subprocess.run(
        [UV, *arguments], env={"PATH": "/usr/bin:/bin", "HOME": str(index.parent), **environment(index)},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
