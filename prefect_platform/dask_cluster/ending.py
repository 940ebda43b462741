"""The end of a runner: what runs may finish, what waits does not begin, and no line of log is lost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import distributed
from prefect.states import Cancelled

from prefect_platform.dask_cluster import dask_private, worker_side
from prefect_platform.dask_cluster.connecting import Link
from prefect_platform.dask_cluster.futures import PlatformFuture


def end_tasks(client: distributed.Client, futures: Mapping[str, PlatformFuture[Any]], *, wait: bool) -> None:
    """Let none of these begin; with `wait`, wait for those that have."""
    open_ones = {key: future for key, future in futures.items() if not future.wrapped_future.done()}
    if not open_ones:
        return
    begun = set(dask_private.call_from_client(client, "prefect_platform_end", {"keys": list(open_ones)}))
    waiting = [future for key, future in open_ones.items() if key not in begun]
    for future in waiting:
        future.give_up(Cancelled(message="The flow ended before this task run had begun."))
    client.cancel([future.wrapped_future for future in waiting])
    running = [future for key, future in open_ones.items() if key in begun]
    if wait:
        for future in running:
            future.wait()


def flush_workers(link: Link) -> None:
    """Have the workers send the logs and events they still have."""
    if link.ours:
        link.client.run(worker_side.flush, on_error="ignore")
