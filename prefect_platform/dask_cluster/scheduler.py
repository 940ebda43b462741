"""`python -m prefect_platform.dask_cluster.scheduler DIRECTORY CODE`: the scheduler of one cluster.

It is Dask's own, with two things beside it: the steward, which does what the platform wants of the number of
workers, and the performance report, which is written at the end and kept by the platform.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from contextlib import suppress
from typing import Any

import dask
from distributed import Scheduler

from prefect_platform.dask_cluster import member as members
from prefect_platform.dask_cluster import performance
from prefect_platform.dask_cluster.member import HOST, Member
from prefect_platform.dask_cluster.steward import Steward

logger = logging.getLogger("prefect_platform.dask_cluster")

DEFAULTS = {"distributed": {"scheduler": {"worker-ttl": "60s"}}}
"""Of Dask's settings, where nobody has said otherwise. A worker that was not heard of for so long is given
up, and its tasks are done elsewhere."""


async def run(member: Member) -> None:
    """Live until the platform, or want of work, ends it."""
    dask.config.update_defaults(DEFAULTS)
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    scheduler = Scheduler(
        host=HOST,
        protocol="tls",
        security=members.security(member),
        dashboard=False,
        dashboard_address=f"{HOST}:0",
        idle_timeout=member.idle_timeout_seconds,
    )
    with members.platform() as client:
        async with scheduler:
            steward = Steward(scheduler, client, member.workload_id)
            scheduler.add_plugin(steward.plugin)
            serving = asyncio.create_task(steward.serve())
            dashboard = asyncio.create_task(_dashboard(scheduler))
            closing = asyncio.create_task(scheduler.finished())
            await asyncio.wait({asyncio.create_task(ended.wait()), closing}, return_when="FIRST_COMPLETED")
            for task in (serving, dashboard):
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
            if closing.done():
                await steward.tell_idle()
            else:
                await performance.keep(scheduler, client, member)


async def _dashboard(scheduler: Scheduler) -> None:
    """The pages of the dashboard. Importing them takes longer than all else here: workers and clients need
    not wait for that."""
    try:
        pages = await asyncio.to_thread(_imported)
    except ImportError as missing:
        logger.warning("There is no dashboard, for want of %s: install bokeh to have one.", missing.name)
        return
    pages.connect(scheduler.http_application, scheduler.http_server, scheduler, prefix="/")


def _imported() -> Any:
    import distributed.dashboard.scheduler

    return distributed.dashboard.scheduler


def main(arguments: list[str]) -> None:
    """Run, and end at once: the thread that waits for orders would hold the process for half a minute."""
    with asyncio.Runner() as runner:
        runner.run(run(members.read(arguments)))
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
