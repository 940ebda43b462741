"""`Orchestrators`: open connections to the Prefects of projects, one for each address and credentials."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from prefect_platform.server.config import OrchestratorSettings
from prefect_platform.server.services.orchestrator import Orchestrator
from prefect_platform.server.services.orchestrator_prefect import PrefectOrchestrator

KEPT = 50
"""Connections that are kept open; the one that was used the longest ago is closed first."""


@dataclass(frozen=True)
class Access:
    """Names a Prefect and how to sign in there, without the credentials."""

    url: str
    secret_id: str = ""
    version: int = 0
    """Of the secret: with a new one the connection is another."""


@dataclass
class Orchestrators:
    make: Callable[[OrchestratorSettings], Orchestrator] = PrefectOrchestrator
    _open: OrderedDict[Access, Orchestrator] = field(default_factory=OrderedDict)

    def find(self, access: Access) -> Orchestrator | None:
        if access in self._open:
            self._open.move_to_end(access)
        return self._open.get(access)

    async def open(self, access: Access, settings: OrchestratorSettings) -> Orchestrator:
        """The connection, made now if another call has not made it meanwhile."""
        found = self.find(access) or self._open.setdefault(access, self.make(settings))
        while len(self._open) > KEPT:
            _, oldest = self._open.popitem(last=False)
            await oldest.aclose()
        return found

    async def aclose(self) -> None:
        while self._open:
            _, one = self._open.popitem()
            await one.aclose()
