"""Room that a program asks for: what is free, and what its files hold already."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from prefect_platform.launcher import disk
from prefect_platform.launcher.faults import EnvironmentFault


def test_what_is_free_is_enough(tmp_path: Path) -> None:
    disk.check(tmp_path, None)
    disk.check(tmp_path, 1)


def test_a_full_disk_is_told_with_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFault, match=r"asks for .*TiB|asks for .*GiB of disk"):
        disk.check(tmp_path, 1 << 60)


def test_its_own_files_count(tmp_path: Path) -> None:
    """What it has filled already is not asked for a second time when it is started again."""
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "data").write_bytes(b"x" * (8 << 20))
    disk.check(tmp_path, shutil.disk_usage(tmp_path).free + (4 << 20))
