"""On every worker: one that closes in order sends its logs and events first, as no exit handler would."""

from __future__ import annotations

from typing import Any

from distributed.diagnostics.plugin import WorkerPlugin

from prefect_platform.dask_cluster.worker_side import flush


class FlushAtEnd(WorkerPlugin):
    name = "prefect-platform-flush"
    idempotent = True

    async def teardown(self, worker: Any) -> None:
        await flush()
