"""`PlatformCluster`: a Dask cluster of the platform, as Dask's own interface for clusters has it.

Scheduler and workers are the platform's; this object asks for them, is connected to the scheduler, and
follows what becomes of them. Without an event loop each question is asked where the call comes from; in one,
by a thread.
"""

from __future__ import annotations

import asyncio
import logging
import math
import os
import time
import warnings
import weakref
from collections.abc import Callable, Collection, Generator
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Self, TypeVar

from dask.utils import parse_bytes
from distributed.core import Status, rpc
from distributed.deploy.cluster import Cluster as DaskCluster
from distributed.objects import SchedulerInfo
from distributed.utils import Log, Logs, NoOpAwaitable
from distributed.versions import get_versions

from prefect_platform.client.settings import connect
from prefect_platform.dask_cluster import cluster_logs, cluster_options, cluster_versions
from prefect_platform.dask_cluster.cluster_adapting import Adapting
from prefect_platform.dask_cluster.cluster_ending import close_at_exit, wait_for_end
from prefect_platform.dask_cluster.cluster_follower import OVER, Follower
from prefect_platform.dask_cluster.cluster_news import News
from prefect_platform.dask_cluster.cluster_opening import (
    NewCluster,
    Opening,
    RunningCluster,
    ready,
    security,
)
from prefect_platform.dask_cluster.cluster_workers import Workers, running, wait_for_workers
from prefect_platform.dask_cluster.member import group_of
from prefect_platform.dask_cluster.printed import printed
from prefect_platform.errors import Conflict, Forbidden, NotFound, PlatformError
from prefect_platform.wire.clusters import Cluster, ClusterConnection, ClusterStatus

if TYPE_CHECKING:
    from distributed import Security
    from tornado.ioloop import IOLoop

logger = logging.getLogger("prefect_platform.dask_cluster")
Answer = TypeVar("Answer")

START_SECONDS = 300.0
END_SECONDS = 30.0
"""What `close` waits for the end of scheduler and workers: the performance report is made in that time."""


_Base: Any = DaskCluster
"""Its methods have no types."""


class PlatformCluster(_Base):  # type: ignore[misc]
    """A Dask cluster: `with PlatformCluster(n_workers=4) as cluster, Client(cluster) as client: ...`.

    It ends when it is closed, when this kernel ends, and when what it belongs to ends: the Jupyter server, or
    the run. Workers have this kernel's interpreter, packages and working directory.

    Args:
        name: By default one is made; `PlatformCluster.from_name` finds it again.
        n_workers: To begin with.
        worker_size, scheduler_size: Names of sizes of the catalogue; `describe_sizes()` shows them.
        processes: Of a worker; by default one for each of its GPUs, else one.
        threads: Of a process; by default the worker's cores.
        gpu: Of a worker, as in `register`: `1`, `"A100:2"`, `"24GB.."`.
        spot: Whether workers may stand on machines that can be taken away, where there are such.
        adapt: The least and the most workers, between which the scheduler chooses: `(1, 10)`.
        idle_timeout, lifetime: Seconds, or such as `"2h"`: it ends after so long without a task, or at all.
        env, secrets: What workers are given, as in `register`.
        project, url, token: By default from the environment, then from the profile.
        asynchronous, loop: As in Dask.
        quiet: Whether nothing is printed of what happens to it; `get_logs()["Cluster"]` has it all the same.
        shutdown_on_close: False leaves it running, also after this kernel's end, for `from_name`.
        start_timeout: How long to wait for the scheduler, as `lifetime`.

    Raises:
        UsageError: an argument is wrong, or such a cluster can never be had here; nothing was made.
        NoCapacity: there was no room for its scheduler in time.
        Conflict: there is an open cluster of this name, or it ended before it was ready.
    """

    security: Security | None = None

    def __init__(
        self,
        name: str | None = None,
        n_workers: int | None = None,
        *,
        worker_size: str | None = None,
        scheduler_size: str | None = None,
        processes: int | None = None,
        threads: int | None = None,
        gpu: int | str | None = None,
        spot: bool | None = None,
        adapt: tuple[int, int] | None = None,
        idle_timeout: float | str | timedelta | None = None,
        lifetime: float | str | timedelta | None = None,
        env: dict[str, str] | None = None,
        secrets: Collection[str] | None = None,
        project: str | None = None,
        url: str | None = None,
        token: str | None = None,
        asynchronous: bool = False,
        loop: IOLoop | None = None,
        quiet: bool = False,
        shutdown_on_close: bool = True,
        start_timeout: float | str | timedelta = START_SECONDS,
        **unknown: Any,
    ) -> None:
        given = dict(locals())
        cluster_options.check_unknown(unknown)
        options = cluster_options.check(given)
        opening = NewCluster(connect(url, token, project), options, leased=shutdown_on_close)
        self._begin(opening, asynchronous, loop, shutdown_on_close, start_timeout, quiet=quiet)

    @classmethod
    def from_name(
        cls,
        name: str,
        *,
        project: str | None = None,
        url: str | None = None,
        token: str | None = None,
        asynchronous: bool = False,
        loop: IOLoop | None = None,
        quiet: bool = False,
        shutdown_on_close: bool = False,
        start_timeout: float | str | timedelta = START_SECONDS,
        **changes: Any,
    ) -> Self:
        """An open cluster by its name or id. What it is cannot be changed; how many workers it has can.

        Raises:
            NotFound: there is no such cluster; the message has the nearest name.
            UsageError: its shape was to be changed, which needs a new cluster.
        """
        cluster_options.check_changes(name, changes)
        self = cls.__new__(cls)
        opening = RunningCluster(connect(url, token, project), name)
        self._begin(opening, asynchronous, loop, shutdown_on_close, start_timeout, quiet=quiet)
        return self

    def _begin(
        self,
        opening: Opening,
        asynchronous: bool,
        loop: IOLoop | None,
        shutdown_on_close: bool,
        start_timeout: Any,
        *,
        quiet: bool,
    ) -> None:
        self._opening, self._client = opening, opening.client
        self._start_timeout = cluster_options.duration("start_timeout", start_timeout) or START_SECONDS
        self.shutdown_on_close = shutdown_on_close
        self._seen: Cluster | None = None
        self._connection: ClusterConnection | None = None
        self._follower: Follower | None = None
        self._finalizer: weakref.finalize[Any, Any] | None = None
        self._news = News()
        super().__init__(asynchronous=asynchronous, loop=loop, quiet=quiet, name=getattr(opening, "name", ""))
        if not self.called_from_running_loop:
            self._started_by_itself()

    def _started_by_itself(self) -> None:
        """Ask for it here, so that an interrupt reaches who waits; then connect."""
        try:
            self._open()
            self._loop_runner.start()
            self.sync(self._start)
        except BaseException:
            self.status = Status.closed
            self._loop_runner.stop()
            raise

    # Begin

    def _open(self) -> None:
        """Make or find it, and wait for its scheduler. Not in an event loop."""
        found = self._opening.found()
        self.name, self._seen = found.name, found
        self._adaptive = None if found.adapt is None else Adapting(self, found.adapt)
        if self.shutdown_on_close:
            self._finalizer = weakref.finalize(
                self, close_at_exit, self._client, self._client.project, found.id, os.getpid()
            )
        try:
            self._connection = ready(self._opening, found, self._start_timeout, self._log)
        except BaseException:
            self._no_more_to_close()
            raise
        self._follower = Follower(
            self._client,
            found.id,
            self._connection.revision,
            leased=self.shutdown_on_close and found.lease_seconds is not None,
            told=self._told,
        )
        for note in getattr(getattr(self._opening, "options", None), "notes", ()):
            self._log(note)

    async def _start(self) -> None:
        while self.status == Status.starting:  # noqa: ASYNC110 - as Dask has it
            await asyncio.sleep(0.01)
        if self.status == Status.running:
            return
        if self.status in (Status.closed, Status.failed):
            raise ValueError(
                f"Cluster {self.name!r} is {self.status.name}: {self.reason or 'make a new one.'}"
            )
        self.status = Status.starting
        try:
            if self._connection is None:
                await asyncio.to_thread(self._open)
            await self._connect()
        except BaseException:
            self.status = Status.failed
            await self._close()
            raise

    async def _connect(self) -> None:
        found, follower = self._connection, self._follower
        if found is None or follower is None:
            raise ValueError(f"Cluster {self.name!r} is closed: make a new one.")
        self.security = security(found)
        arguments = self.security.get_connection_args("client")
        self.scheduler_comm = rpc(found.scheduler_address, connection_args=arguments)
        await super()._start()
        await self._compare_versions()
        follower.start()

    async def _compare_versions(self) -> None:
        """Name what differs before any task runs into it."""
        theirs = await self.scheduler_comm.versions()
        if different := cluster_versions.differences(get_versions(), theirs):
            warnings.warn(
                f"Cluster {self.name!r} has other versions: {'; '.join(different)}. Tasks may fail in ways "
                "that are hard to understand: make a cluster from this kernel.",
                stacklevel=2,
            )

    def __await__(self) -> Generator[Any, Any, Self]:
        async def started() -> Self:
            if self.status in (Status.created, Status.starting):
                await self._start()
            return self

        return started().__await__()

    # News, in the follower's thread

    def _told(self, found: Cluster) -> None:
        self._seen = found
        for sentence in self._news.of(found):
            self._log(sentence)
        if found.status in OVER:
            with suppress(RuntimeError):  # the loop is closed: so is this object
                self.loop.add_callback(self._ended, found)

    async def _ended(self, found: Cluster) -> None:
        """It ended by itself, or somebody else has ended it."""
        if self.status in (Status.closing, Status.closed):
            return
        self._log(f"Cluster {found.name!r} has ended. {found.reason or ''}".rstrip())
        self._no_more_to_close()
        await self._disconnect()
        self.status = Status.failed if found.status is ClusterStatus.FAILED else Status.closed

    # How it stands

    @property
    def reason(self) -> str | None:
        """Why it waits, or why it ended, in a sentence."""
        return self._seen.reason if self._seen is not None else None

    @property
    def cluster_id(self) -> str | None:
        """The platform's id of it, which stays its own after its end."""
        return self._seen.id if self._seen is not None else None

    @property
    def workers(self) -> Workers:
        """Workers that are there or on their way, by name, as the platform last told of them."""
        return running(self._seen)

    @property
    def dashboard_link(self) -> str:
        """Its dashboard, on a host of its own. A browser that is not signed in there needs
        `sign_in_link()`."""
        known = self._seen.dashboard if self._seen is not None else None
        known = known or (self._connection.dashboard if self._connection is not None else None)
        return f"{known.rstrip('/')}/status" if known else ""

    def sign_in_link(self) -> Any:
        """A link that opens the dashboard in one browser, once, within a minute.

        Raises:
            Conflict: it does not run, or its interpreter has no bokeh.
        """
        return self._ask(lambda: self._client.clusters.open(self._client.project, self._id).url)

    @property
    def _id(self) -> str:
        if self._seen is None:
            raise Conflict(f"Cluster {self.name!r} has not begun: `await` it first.")
        return self._seen.id

    def get_logs(
        self, cluster: bool = True, scheduler: bool = True, workers: bool | Collection[str] = True
    ) -> Any:
        """The last 10,000 lines of each log as the platform keeps it, also of workers that have ended, with
        all that running ones have printed before. In a run: what Dask remembers, by address.

        Args:
            cluster: Whether to give what was told of the cluster, as `Cluster`.
            scheduler: Whether to give the scheduler's, as `Scheduler`.
            workers: Whether to give the workers', by name; or the names or addresses of those.
        """

        def read() -> Logs:
            logs = Logs()
            if cluster:
                logs["Cluster"] = Log("\n".join(line for _, line in self._cluster_manager_logs))
            found = self._client.clusters.show(self._client.project, self._id)
            wanted = workers if isinstance(workers, bool) else self._names(workers)
            sizes = (
                self.sync(printed, self.scheduler_comm) if wanted and self.status == Status.running else {}
            )
            try:
                told = cluster_logs.read(
                    self._client, found, scheduler=scheduler, workers=wanted, printed=sizes
                )
            except Forbidden:  # code of a run reads no logs of the platform; those of Dask it can
                told = self.sync(_Base._get_logs, self, False, scheduler, workers)  # noqa: SLF001 - its own
            logs.update({name: Log(text) for name, text in told.items()})
            return logs

        return self._ask(read)

    def _names(self, workers: Collection[str]) -> set[str]:
        """Names of workers from names or addresses."""
        known = self.scheduler_info["workers"]
        return {group_of(known[one]["name"] if one in known else one) for one in workers}

    # How many workers

    def scale(self, n: int = 0, memory: str | int | None = None, cores: float | None = None) -> Any:
        """Have so many workers; or as many as hold so much memory, or so many cores. It ends adapting."""
        cluster_options.workers(n, "n")
        n = max(n, self._number(memory, cores))

        def change() -> None:
            self._told_by_us(self._client.clusters.scale(self._client.project, self._id, n))

        return self._ask(change)

    def _number(self, memory: str | int | None, cores: float | None) -> int:
        """How many workers hold so much."""
        one = next(iter(self.workers.values()), None)
        if (memory is None and cores is None) or one is None:
            return 0
        by_memory = math.ceil(parse_bytes(memory) / one.memory_bytes) if memory is not None else 0
        by_cores = math.ceil(cores / one.cores) if cores is not None else 0
        return max(by_memory, by_cores)

    def adapt(self, minimum: int | None = None, maximum: int | None = None, **unknown: Any) -> Adapting:
        """Let the scheduler choose the number of workers between these bounds. `stop()` of what is given
        back ends that."""
        for name in unknown:
            raise cluster_options.unknown_of("adapt()", name, ("minimum", "maximum"))
        bounds = cluster_options.adapt_range(minimum, maximum)

        def change() -> None:
            self._told_by_us(self._client.clusters.adapt(self._client.project, self._id, bounds))

        self._adaptive = adapting = Adapting(self, bounds)
        adapting.asked = self._ask(change)
        return adapting

    def _stop_adapting(self) -> Any:
        def change() -> None:
            self._told_by_us(self._client.clusters.adapt(self._client.project, self._id, None))

        return self._ask(change)

    def _told_by_us(self, found: Cluster) -> None:
        self._seen = found
        if found.adapt is None:
            self._adaptive = None

    def _scaling_status(self) -> str:
        """Of the widget."""
        there, wanted = len(self.scheduler_info["workers"]), self._seen.n_workers if self._seen else 0
        mode = "Adaptive" if self._adaptive is not None else "Manual"
        count = f"{there} / {wanted}" if there != wanted else str(there)
        cell = '<tr><td style="text-align: left;">{}</td></tr>'
        return f"<table>{cell.format(f'Scaling mode: {mode}')}{cell.format(f'Workers: {count}')}</table>"

    async def _wait_for_workers(self, n_workers: int = 0, timeout: Any = None) -> None:
        await self
        self.scheduler_info = SchedulerInfo(await wait_for_workers(self, n_workers, timeout))

    async def refreshed(self) -> Cluster:
        """The cluster as the platform has it now."""
        found = await asyncio.to_thread(self._client.clusters.show, self._client.project, self._id)
        self._seen = found
        return found

    # End

    def close(self, timeout: float | None = None) -> Any:
        """End it, and wait until nothing of it is left, at most `timeout` seconds (by default 30). No-op for
        one that is closed. With `shutdown_on_close=False` it goes on without us."""
        if self.status == Status.closed:
            return NoOpAwaitable() if self.asynchronous else None
        if self.asynchronous:
            return self._close(timeout)
        try:
            with suppress(RuntimeError):  # its loop is closed, as at the end of the process
                self.sync(self._close, timeout)
        finally:
            self._loop_runner.stop()
        return None

    async def _close(self, timeout: float | None = None) -> None:
        while self.status == Status.closing:  # noqa: ASYNC110 - as Dask has it
            await asyncio.sleep(0.05)
        if self.status == Status.closed:
            return
        if self._follower is not None:
            self._follower.stop()
        if self._seen is None or not self.shutdown_on_close or self._seen.status in OVER:
            await self._disconnect()
            return
        self.status = Status.closing
        deadline = time.monotonic() + (END_SECONDS if timeout is None else timeout)
        try:
            await asyncio.to_thread(self._ask_to_end)
            await self._disconnect()
            await asyncio.to_thread(wait_for_end, self._client, self._id, deadline)
        finally:
            self.status = Status.closed

    async def _disconnect(self) -> None:
        # Dask would stop adapting, which is the scheduler's matter and goes on without us.
        self._adaptive = None
        await super()._close()

    def _ask_to_end(self) -> None:
        self._no_more_to_close()
        try:
            self._client.clusters.close(self._client.project, self._id)
        except NotFound:  # it went with what it belonged to
            return
        except PlatformError as error:
            self._log(f"The platform could not be told to end cluster {self.name!r}: {error.message} {LATER}")

    def _no_more_to_close(self) -> None:
        if self._finalizer is not None:
            self._finalizer.detach()

    def _ask(self, call: Callable[[], Answer]) -> Any:
        """The answer; within the event loop, what gives it when it is awaited. It is asked in any case."""
        return asyncio.ensure_future(asyncio.to_thread(call)) if self.asynchronous else call()

    def __exit__(self, *error: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        await self
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._close()

    def _repr_html_(self, cluster_status: Any = None) -> str:
        found = str(super()._repr_html_(cluster_status))
        if not self.dashboard_link:
            return found
        return (
            f"{found}<p>The dashboard opens in a browser that is signed in there: "
            "<code>cluster.sign_in_link()</code> gives a link for that, once.</p>"
        )


LATER = "It ends by itself, when nobody renews its lease."
