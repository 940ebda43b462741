"""The last of the logs: what a launcher wrote down but did not send, gaps said aloud, sources sealed.

Offsets make it repeatable: bytes that are there already are not written twice.
"""

from __future__ import annotations

from collections.abc import Iterable

from prefect_platform.backends.base import Backend, Handle
from prefect_platform.server.controller.locks import Lock
from prefect_platform.server.services import logs, workloads
from prefect_platform.server.services.parts import Parts

PIPE_BYTES = 64 << 10
"""What may have stood in the pipe of a source when its launcher died, and been read and not yet kept."""

GAP_REASON = "the launcher was lost, and what stood in its pipe with it"


class LogKeeper:
    """Completes the logs of ended workloads."""

    def __init__(self, parts: Parts, backend: Backend) -> None:
        self._parts, self._backend = parts, backend

    async def complete(self, lock: Lock) -> None:
        """Recover, mark what is missing, seal.

        Raises:
            StorageFull: there is no room for the rest; the caller comes again later.
        """
        async with lock.write() as (_, row):
            handle, project_id = dict(row.handle), row.project_id
        await self._recover(lock.workload_id, handle)
        left = await self._backend.recover_end(handle)
        for source in sorted(await self._open_sources(lock.workload_id, left.begun) - left.complete):
            await logs.mark_gap(self._parts, lock.workload_id, source, None, PIPE_BYTES, GAP_REASON)
        await logs.seal_as_is(self._parts, lock.workload_id)
        async with lock.write() as (_, row):
            if workloads.noted(row, workloads.COMPLETE) is None:
                workloads.note(row, workloads.COMPLETE, self._parts.clock.now())
        workloads.tell(self._parts, project_id)

    async def _recover(self, workload_id: str, handle: Handle) -> None:
        have = {
            source: (await self._parts.logs.stat(workload_id, source)).size
            for source in await self._parts.logs.sources(workload_id)
        }
        async for piece in self._backend.recover_logs(handle, have):
            await logs.append_recovered(self._parts, workload_id, piece.source, piece.offset, piece.data)

    async def _open_sources(self, workload_id: str, begun: Iterable[str]) -> set[str]:
        """Sources that nobody has sealed. One may have begun of which not a byte was kept."""
        names = {*await self._parts.logs.sources(workload_id), *begun}
        return {name for name in names if (await self._parts.logs.stat(workload_id, name)).sha256 is None}
