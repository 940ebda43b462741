"""Room for the files of a program, looked at before it starts. Nothing bounds it afterwards."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from prefect_platform.launcher.faults import EnvironmentFault
from prefect_platform.launcher.memory import amount


def check(place: Path, wanted: int | None) -> None:
    """Raises: EnvironmentFault, where what lies in `place` and what is free there do not come to `wanted`."""
    if wanted is None:
        return
    free = shutil.disk_usage(place).free
    if free < wanted and (held := _held(place)) + free < wanted:
        raise EnvironmentFault(
            f"It asks for {amount(wanted)} of disk in {place}; its own files have {amount(held)}, and "
            f"{amount(free)} are free. Make room there, or ask for less."
        )


def _held(place: Path) -> int:
    """Bytes of every file below, as far as they can be looked at."""
    total = 0
    for folder, _, names in os.walk(place):
        for name in names:
            try:
                total += os.lstat(os.path.join(folder, name)).st_blocks * 512  # noqa: PTH118
            except OSError:  # it went away meanwhile
                continue
    return total
