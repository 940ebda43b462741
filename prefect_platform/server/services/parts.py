"""`Parts`: what the composition root made, handed to every service as its first argument."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from typing import Self

from prefect_platform.server.config import ServerConfig
from prefect_platform.server.db.engine import Database
from prefect_platform.server.services import catalogue
from prefect_platform.server.services.callers import Caller
from prefect_platform.server.services.catalogue import Catalogue
from prefect_platform.server.services.change_looks import ChangeLooks
from prefect_platform.server.services.clock import Clock
from prefect_platform.server.services.contents import Contents
from prefect_platform.server.services.jupyter_looks import JupyterLooks
from prefect_platform.server.services.log_activity import LogActivity
from prefect_platform.server.services.log_masks import LogMasks
from prefect_platform.server.services.machine import Machine
from prefect_platform.server.services.notification_sending import Sending
from prefect_platform.server.services.orchestrator import Orchestrator
from prefect_platform.server.services.orchestrator_cache import Orchestrators
from prefect_platform.server.stores.blobs import BlobStore
from prefect_platform.server.stores.keyring import Keyring
from prefect_platform.server.stores.logs import LogStore


class Wakeups:
    """Tells whoever waits in this process that a key changed. A hint: the database is the truth,
    and everyone who waits also looks again after a while."""

    def __init__(self) -> None:
        self._waiting: dict[str, set[asyncio.Event]] = defaultdict(set)

    def notify(self, key: str) -> None:
        for event in self._waiting.get(key, ()):
            event.set()

    def listen(self, key: str) -> Listener:
        return Listener(self, key)

    def add(self, key: str, event: asyncio.Event) -> None:
        self._waiting[key].add(event)

    def remove(self, key: str, event: asyncio.Event) -> None:
        self._waiting[key].discard(event)
        if not self._waiting[key]:
            del self._waiting[key]


class Listener:
    """`with wakeups.listen(key) as listener:` misses nothing that is told after it was entered."""

    def __init__(self, wakeups: Wakeups, key: str) -> None:
        self._wakeups, self._key, self._event = wakeups, key, asyncio.Event()

    def __enter__(self) -> Self:
        self._wakeups.add(self._key, self._event)
        return self

    def __exit__(self, *_: object) -> None:
        self._wakeups.remove(self._key, self._event)

    async def wait(self, timeout: float) -> bool:
        """Whether the key was told of within `timeout` seconds."""
        try:
            # Not `wait_for`: before Python 3.12 it may swallow a cancel that comes with the event.
            async with asyncio.timeout(timeout):
                await self._event.wait()
        except TimeoutError:
            return False
        self._event.clear()
        return True


WORKLOADS = "workloads"
"""Key: some workload wants the controller."""
RESOURCES = "resources"
"""Key: something else is wanted of a resource."""

CLUSTERS = "clusters"
"""Key: something else is wanted of a Dask cluster, or was heard of one."""


def cluster_key(cluster_id: str) -> str:
    """Key: there is news of this cluster for its scheduler, workers and clients."""
    return f"cluster:{cluster_id}"


def work_key(project_id: str) -> str:
    """Key: an agent of this project has something to act on."""
    return f"work:{project_id}"


@dataclass(frozen=True)
class KnownCaller:
    """A token that was looked up a moment ago, so that not every append asks the database."""

    caller: Caller
    until: float
    """Uptime after which the database is asked again."""
    expires_at: datetime | None


@dataclass(frozen=True)
class Parts:
    config: ServerConfig
    installation_id: str
    database: Database
    blobs: BlobStore
    logs: LogStore
    orchestrator: Orchestrator
    """The installation's own. That of a project: `services.orchestrators.of`."""
    clock: Clock
    keyring: Keyring
    """What protects secrets in the database."""
    catalogue: Catalogue = field(default_factory=catalogue.shipped)
    """Sizes that runs can ask for."""
    wakeups: Wakeups = field(default_factory=Wakeups)
    machine: Machine = field(default_factory=Machine)
    known_callers: dict[str, KnownCaller] = field(default_factory=dict)
    """By hash of the secret; filled and emptied by `services.tokens` alone."""
    searches: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(2))
    """Blocks of logs that are looked through at once."""
    change_looks: ChangeLooks = field(default_factory=ChangeLooks)
    """Kept by `services.change_watch`."""
    results: BlobStore = field(kw_only=True)
    """Results of tasks and flows, apart from the bundles: neither is ever looked for in the other's place."""
    orchestrators: Orchestrators = field(default_factory=Orchestrators)
    """Open connections to Prefects that are not the installation's; kept by `services.orchestrators`."""
    log_activity: LogActivity = field(default_factory=LogActivity)
    """Who watches which log, and what appends need to know; kept by `services.logs`."""
    log_masks: LogMasks = field(default_factory=LogMasks)
    """Which secrets to look for in which log; told by claims, used by `services.log_masking`."""
    contents: Contents = field(default_factory=Contents)
    """Users' own web servers and who visits them; kept by `services.content`."""
    jupyter_looks: JupyterLooks = field(default_factory=JupyterLooks)
    """How Jupyter servers were when they were last looked at; told by the controller."""
    sending: Sending = field(default_factory=Sending)
    """Notifications on their way out."""
