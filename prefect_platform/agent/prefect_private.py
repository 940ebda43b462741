"""Everything of Prefect's private side that the agent touches, each with a test of its own.

A release of Prefect that moves one of these breaks that test and nothing else.
"""

from __future__ import annotations

from typing import Any

import prefect.types._datetime as prefect_time
from prefect.workers.base import BaseWorker


def pool_name(worker: BaseWorker[Any, Any, Any]) -> str:
    """The work pool that a worker was started for."""
    return worker._work_pool_name  # noqa: SLF001


def queue_names(worker: BaseWorker[Any, Any, Any]) -> list[str]:
    """The queues that a worker was restricted to; none means all."""
    return sorted(worker._work_queues)  # noqa: SLF001


def run_limit(worker: BaseWorker[Any, Any, Any]) -> int | None:
    """How many runs at once a worker was told to take."""
    return worker._limit  # noqa: SLF001


def mark_polled(worker: BaseWorker[Any, Any, Any]) -> None:
    """Tell the worker's own health check that it has just polled."""
    worker._last_polled_time = prefect_time.now("UTC")  # noqa: SLF001
