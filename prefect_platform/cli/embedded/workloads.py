"""The launchers of this machine that live, as the local backend notes them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from prefect_platform.backends.local.place import PID_FILE
from prefect_platform.backends.local.proc import parse_stat
from prefect_platform.cli.embedded.process import Process


def launchers(workloads: Path) -> Iterator[Process]:
    for pid_file in workloads.glob(f"*/{PID_FILE}"):
        try:
            text = pid_file.read_text()
        except FileNotFoundError:  # its workload was removed between these lines
            continue
        stat = text.partition(" ")[2]
        if text.endswith("\n") and stat:  # or it is just being started, or never was
            told = parse_stat(stat).process
            found = Process(told.pid, told.started)
            if found.alive:
                yield found
