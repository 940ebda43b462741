"""What gives a run's tasks its cluster without any change to the flow: the engine calls `install` first."""

from __future__ import annotations

import sys
from typing import Any

from prefect.task_runners import ThreadPoolTaskRunner

from prefect_platform.dask_cluster import discovery, prefect_private
from prefect_platform.dask_cluster.task_runner import PlatformTaskRunner


def install() -> None:
    """Ask for the cluster from now on, and give its task runner to the flow that this process runs."""
    discovery.begin()
    prefect_private.when_loaded(give)


def give(flow: Any) -> Any:
    """The flow, whose tasks run on the run's cluster unless it names a task runner of its own."""
    runner = flow.task_runner
    if type(runner) is ThreadPoolTaskRunner:  # what a flow has that names none
        flow.task_runner = PlatformTaskRunner()
    elif not isinstance(runner, PlatformTaskRunner):
        sys.stderr.write(
            f"Flow {flow.name!r} names a task runner of its own, {type(runner).__name__}, and keeps it. Its "
            "Dask cluster is there for PlatformTaskRunner() and distributed clients.\n"
        )
    return flow
