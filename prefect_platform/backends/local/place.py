"""A handle of the local backend, read and written in one place.

It names the workload's directory and, once there is one, its launcher by pid, start time and boot:
enough for another platform process to find everything again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from prefect_platform.backends.base import Handle
from prefect_platform.backends.local.proc import Process
from prefect_platform.errors import UsageError

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")

CLAIM = "claim.json"
PID_FILE = "launcher.pid"
LAUNCHER_LOG = "launcher.log"
RESULT = "result.json"
SPOOL = "spool"
ENDED_BY = "ended-by"
"""One sentence: why the backend (or the kernel) ended processes of this workload."""

NEVER = Process(0, 0)
"""Stands for the launcher of a workload that was stopped before it had one."""


@dataclass(frozen=True)
class Place:
    """Where a workload is on this machine."""

    workload_id: str
    directory: Path
    memory_bytes: int
    """As declared."""
    launcher: Process | None = None
    boot: str = ""
    """Boot id of the machine when the launcher was started."""

    @classmethod
    def of(cls, root: Path, workload_id: str, memory_bytes: int) -> Place:
        """The place that a new workload gets below `root`.

        Raises:
            UsageError: the id is no name of a directory.
        """
        if not _ID.fullmatch(workload_id):
            raise UsageError(
                f"Workload id {workload_id!r} cannot name a directory: use letters, digits, '-'."
            )
        return cls(workload_id, root / workload_id, memory_bytes)

    @classmethod
    def read(cls, handle: Handle) -> Place | None:
        """The place that `handle` names, or None if nothing was created yet."""
        if "directory" not in handle:
            return None
        place = cls(
            workload_id=str(handle["workload_id"]),
            directory=Path(str(handle["directory"])),
            memory_bytes=int(handle["memory_bytes"]),
        )
        if "pid" not in handle:
            return place
        return place.with_launcher(Process(int(handle["pid"]), int(handle["started"])), str(handle["boot"]))

    def with_launcher(self, launcher: Process, boot: str) -> Place:
        return replace(self, launcher=launcher, boot=boot)

    def handle(self) -> Handle:
        facts: dict[str, str | int | float] = {
            "workload_id": self.workload_id,
            "directory": str(self.directory),
            "memory_bytes": self.memory_bytes,
        }
        if self.launcher is not None:
            facts |= {"pid": self.launcher.pid, "started": self.launcher.started, "boot": self.boot}
        return facts
