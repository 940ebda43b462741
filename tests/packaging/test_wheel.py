"""The bare wheel: installs without extras, shows its help, and holds what it must and nothing else."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def run(*command: str | Path) -> str:
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", out, ROOT)
    return next(out.glob("*.whl"))


@pytest.fixture(scope="module")
def bare(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    venv = tmp_path_factory.mktemp("bare") / "venv"
    run(sys.executable, "-m", "uv", "venv", "--quiet", "--python", sys.executable, venv)
    python = venv / "bin" / "python"
    run(
        sys.executable,
        "-m",
        "uv",
        "pip",
        "install",
        "--quiet",
        "--python",
        python,
        "-c",
        ROOT / "constraints.txt",
        wheel,
    )
    return venv / "bin"


def test_the_wheel_holds_the_package_alone(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == {"prefect_platform"}
    assert "prefect_platform/py.typed" in names
    assert any("migrations" in name for name in names)
    assert "prefect_platform/server/services/sizes.yaml" in names
    assert "prefect_platform/server/app/web/dist/index.html" in names, "the web UI is missing: `make web`"


def test_help_works_without_extras(bare: Path) -> None:
    assert "Usage: prefect-platform" in run(bare / "prefect-platform", "--help")


def test_every_command_shows_its_help_without_extras(bare: Path) -> None:
    listing = run(bare / "prefect-platform", "--help").partition("Commands:")[2]
    names = [
        line.split()[0]
        for line in listing.splitlines()
        if line.startswith("  ") and not line.startswith("   ")
    ]
    assert "up" in names
    for name in names:
        assert "Usage: prefect-platform" in run(bare / "prefect-platform", name, "--help")


def test_a_missing_extra_is_named(bare: Path) -> None:
    done = subprocess.run(
        [bare / "prefect-platform", "server"], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode != 0
    assert "prefect-platform[server]" in done.stderr
    assert "Traceback" not in done.stderr
