"""A disk so small that it fills at once."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

BYTES = 1 << 20


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB, half of it taken by the file `ballast`."""
    place = tmp_path / "disk"
    place.mkdir()
    options = ["-t", "tmpfs", "-o", f"size={BYTES}", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(["mount", *options], check=False).returncode != 0:
        pytest.skip("only root may mount the small file system that this test fills")
    try:
        (place / "ballast").write_bytes(bytes(BYTES // 2))
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)
