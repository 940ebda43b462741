"""Dask clusters: a scheduler and workers that belong to an attempt, a Jupyter server or a user.

What somebody wants of one is a `dask_spec.DaskSpec`. How many workers there are to be is kept beside it: that
is changed while the cluster runs, and the rest is not.
"""

from __future__ import annotations

import hashlib
from enum import StrEnum

from pydantic import Field

from prefect_platform.wire.base import Answer, Identifier, Label, Name, Request, Sha256, When
from prefect_platform.wire.dask_spec import MOST_WORKERS, AdaptRange, DaskSpec
from prefect_platform.wire.environments import EnvironmentSpec
from prefect_platform.wire.flows import PythonInfo
from prefect_platform.wire.promises import Promise

SCHEDULER_SOURCE = "dask-scheduler"
"""Log source of a scheduler."""
MOST_WAIT_SECONDS = 30.0
"""How long a question about a cluster may wait for something new."""


def report_key(scheduler_workload_id: str) -> str:
    """Under which of the project's results the performance report of a cluster is kept."""
    return hashlib.sha256(f"dask performance report {scheduler_workload_id}".encode()).hexdigest()


def worker_source(number: int) -> str:
    """Log source of a worker."""
    return f"dask-worker-{number}"


class ClusterOwner(StrEnum):
    """What a cluster belongs to, and ends with."""

    ATTEMPT = "attempt"
    JUPYTER_SERVER = "jupyter-server"
    USER = "user"
    """It ends when it is closed, is idle for too long, or its lifetime is over."""


class ClusterStatus(StrEnum):
    QUEUED = "queued"
    """There is no room for its scheduler yet."""
    STARTING = "starting"
    RUNNING = "running"
    """Its scheduler answers."""
    STOPPING = "stopping"
    STOPPED = "stopped"
    FAILED = "failed"
    """It ended by itself; the reason says why."""


class ClusterCreate(Request):
    """A cluster for interactive work. It belongs to whoever asks: the user, the Jupyter server in which they
    work, or the attempt whose code asks."""

    name: Name | None = None
    """Unique among the open clusters of the project; by default one is made."""
    spec: DaskSpec = DaskSpec()
    python: PythonInfo
    """Interpreter of scheduler and workers."""
    environment: EnvironmentSpec | None = None
    lease_seconds: float | None = Field(default=None, ge=10, le=86400)
    """It ends when nobody has renewed its lease for so long: whoever made it has gone. Without, it stays."""


class ScaleRequest(Request):
    """Want so many workers. It ends adapting."""

    n_workers: int = Field(ge=0, le=MOST_WORKERS)


class AdaptRequest(Request):
    """Let the scheduler choose the number of workers from now on; without bounds it stays as it is."""

    adapt: AdaptRange | None


class MemberStatus(StrEnum):
    """Of one scheduler or worker."""

    QUEUED = "queued"
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    ENDED = "ended"


class ClusterMember(Answer):
    """The scheduler, or one worker: a workload with a log of its own."""

    name: str
    """`dask-scheduler`, `dask-worker-3`: also its log source, and the worker's name in Dask."""
    workload_id: Identifier
    status: MemberStatus
    reason: str | None
    """Why it waits, or why it ended if it should not have."""
    cores: float
    memory_bytes: int
    size: str | None
    gpus: list[str] = []
    promises: list[Promise] = []
    """What its launcher found, as of a run."""
    created_at: When
    ended_at: When | None


class ClusterEvent(Answer):
    """Something that went wrong with one of its members."""

    at: When
    member: str
    reason: str


class Cluster(Answer):
    id: Identifier
    name: str
    project: str
    owner_kind: ClusterOwner
    owner_id: str | None
    """Id of the attempt's run or of the Jupyter server."""
    user: str
    """Who it works for."""
    spec: DaskSpec
    n_workers: int
    """Workers that are wanted now."""
    adapt: AdaptRange | None
    status: ClusterStatus
    reason: str | None
    scheduler_address: str | None
    dashboard: str | None
    """Where its Dask dashboard is, for who is signed in there; only while it runs."""
    workers_ready: int
    """Workers that the scheduler knows, when it last told."""
    lease_seconds: float | None = None
    """For how long it stays without whoever made it; None: until it is closed."""
    price_per_hour: float | None
    """Of all its members as they are now; None where a size has no price."""
    members: list[ClusterMember]
    """The scheduler first, then workers by number; those that have ended are left out of listings."""
    events: list[ClusterEvent]
    has_report: bool
    """Whether its performance report is kept."""
    created_at: When
    ready_at: When | None
    """When its scheduler answered."""
    ended_at: When | None


class Tls(Answer):
    """What opens a cluster to its clients, scheduler and workers: one certificate, which each of them shows
    and by which alone each knows the others. PEM."""

    certificate: str
    key: str = Field(repr=False)


class ClusterConnection(Answer):
    """How to reach a cluster; what is missing is not known yet."""

    cluster_id: Identifier
    name: str
    project: str
    status: ClusterStatus
    reason: str | None
    scheduler_address: str | None
    dashboard: str | None
    tls: Tls
    n_workers: int
    revision: int
    """Changes with everything above."""


class SchedulerReport(Request):
    """A scheduler tells of itself, and asks what is wanted of it."""

    known: int | None = None
    """Revision that it acts on; the answer waits up to `wait` seconds for another."""
    wait: float = Field(default=0.0, ge=0, le=MOST_WAIT_SECONDS)
    address: str | None = Field(default=None, max_length=255, pattern=r"^tls://[\w.\-\[\]:]+:\d{1,5}$")
    dashboard_address: str | None = Field(default=None, pattern=r"^http://127\.0\.0\.1:[1-9]\d{0,4}$")
    """The scheduler runs with the user's code: no other host is believed, or the platform would ask it for
    that code."""
    workers: int = Field(default=0, ge=0)
    """Workers that are ready."""
    wanted: int | None = Field(default=None, ge=0, le=MOST_WORKERS)
    """Workers that its adaptive rule asks for."""
    idle: bool = False
    """It ends because nothing was done for too long."""
    lost: list[Label] = Field(default=[], max_length=100)
    """Names of workers that it gave up, whose heartbeats had not come for too long."""
    report: Sha256 | None = None
    """Key of its performance report, once that is kept."""


class SchedulerOrders(Answer):
    """What is wanted of a scheduler."""

    revision: int
    n_workers: int
    adapt: AdaptRange | None
    stopping: bool
