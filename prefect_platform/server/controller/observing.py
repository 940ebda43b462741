"""What the backend sees, or that it does not answer: its silence is a finding, not a failure."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping

from prefect_platform.backends.base import Backend, Observed
from prefect_platform.server.db.tables import WorkloadRow

logger = logging.getLogger(__name__)

ANSWER_SECONDS = 20.0
"""A backend that has not answered by then has not seen anything."""


class Observer:
    """Looks at workloads through a backend, and says once when that stops or comes back."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._answers = True

    async def look(self, rows: Iterable[WorkloadRow]) -> Mapping[str, Observed]:
        """What is seen of those that were begun; nothing at all where the backend does not answer."""
        handles = {row.id: row.handle for row in rows if row.handle}
        if not handles:
            return {}
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                found = await self._backend.observe(handles)
        except Exception as error:  # noqa: BLE001 - whatever it is, it counts with the launcher's silence
            self._tell(error)
            return {}
        self._tell(None)
        return found

    def _tell(self, error: Exception | None) -> None:
        if error is not None and self._answers:
            logger.warning(
                "The %s backend does not say how its workloads are", self._backend.name, exc_info=error
            )
        if error is None and not self._answers:
            logger.info("The %s backend answers again", self._backend.name)
        self._answers = error is None
