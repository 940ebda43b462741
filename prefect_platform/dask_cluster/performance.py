"""The performance report of a cluster: Dask's own page, made at the end and kept by the platform."""

from __future__ import annotations

import asyncio
import hashlib
import io
import logging
import time
from typing import TYPE_CHECKING

from distributed import Scheduler

from prefect_platform.dask_cluster.member import Member
from prefect_platform.errors import PlatformError
from prefect_platform.wire.clusters import SchedulerReport, report_key
from prefect_platform.wire.results import StoredResult

if TYPE_CHECKING:
    from prefect_platform.client.api import PlatformClient

logger = logging.getLogger("prefect_platform.dask_cluster")

SECONDS = 8.0
"""Longest time that a report may take: a scheduler is given a little longer for its end."""


async def keep(scheduler: Scheduler, client: PlatformClient, member: Member) -> None:
    """Make the report, and give it to the platform. A cluster ends without one rather than late."""
    if not scheduler.task_prefixes:  # nothing was done
        return
    try:
        async with asyncio.timeout(SECONDS):
            page = await scheduler.performance_report(start=time.time() - 86400, last_count=0, mode="inline")
            await asyncio.to_thread(_upload, client, member, page.encode())
    except (TimeoutError, PlatformError, ImportError, OSError) as problem:
        why = f"it took more than {SECONDS:g} s" if isinstance(problem, TimeoutError) else problem
        logger.warning("The performance report was not kept: %s", why)


def _upload(client: PlatformClient, member: Member, page: bytes) -> None:
    key = report_key(member.workload_id)
    path = f"/api/v1/projects/{client.project}/results/{key}"
    headers = {"Content-SHA256": hashlib.sha256(page).hexdigest()}
    client.transport.upload(path, io.BytesIO(page), StoredResult, headers=headers, wait=SECONDS)
    client.clusters.report(member.workload_id, SchedulerReport(report=key))
