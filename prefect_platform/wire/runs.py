"""Runs, attempts and workloads: their states, and the legal moves between them as data."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from prefect_platform.wire.base import Answer, Identifier, Label, Request, When
from prefect_platform.wire.clusters import Cluster
from prefect_platform.wire.promises import Promise
from prefect_platform.wire.sizes import Gpu, GpuRequest


class Status(StrEnum):
    """What was seen of a workload, and so of the attempt that owns it."""

    QUEUED = "queued"
    """Wanted, but there is no room yet."""
    PROVISIONING = "provisioning"
    """Room is taken; the backend is making the process or pod."""
    STARTING = "starting"
    """The launcher has claimed it and prepares the run."""
    RUNNING = "running"
    """User code runs."""
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    """User code raised."""
    CRASHED = "crashed"
    """Something other than the user's exception ended it; the reason says what."""
    CANCELLED = "cancelled"


FINAL = frozenset({Status.SUCCEEDED, Status.FAILED, Status.CRASHED, Status.CANCELLED})

MOVES: dict[Status, frozenset[Status]] = {
    Status.QUEUED: frozenset({Status.PROVISIONING, Status.CRASHED, Status.CANCELLED}),
    Status.PROVISIONING: frozenset({Status.QUEUED, Status.STARTING, *FINAL}),
    Status.STARTING: frozenset({Status.RUNNING, *FINAL}),
    Status.RUNNING: FINAL,
    Status.SUCCEEDED: frozenset(),
    Status.FAILED: frozenset(),
    Status.CRASHED: frozenset(),
    Status.CANCELLED: frozenset(),
}
"""Every legal move. PROVISIONING → QUEUED is a start that found no room after all."""


class Target(StrEnum):
    """What is wanted."""

    RUNNING = "running"
    STOPPED = "stopped"
    """Ended with as much grace as the settings give."""


class WorkloadKind(StrEnum):
    RUN_ATTEMPT = "run-attempt"
    AGENT = "agent"
    JUPYTER_SERVER = "jupyter-server"
    DASK_SCHEDULER = "dask-scheduler"
    DASK_WORKER = "dask-worker"


class Renewed(Answer):
    """A file of a program, anew."""

    content: str = Field(repr=False)
    secrets: list[str] = Field(repr=False)
    """What in it no log may show."""


class AttemptRequest(Request):
    """An agent asks for an attempt. Idempotent on (flow_run_id, pending_state_id)."""

    flow_run_id: Identifier
    pending_state_id: Identifier
    flow_version_id: Identifier
    flow_run_name: Label
    prefect_deployment_id: Identifier
    expected_start: When | None = None
    parent_flow_run_id: Identifier | None = None
    started_by: Label | None = None


class Transition(Answer):
    """One move on the timeline."""

    status: Status
    at: When
    actor: str
    reason: str | None


class Step(Answer):
    """One thing the launcher did before or after user code, with its time."""

    name: str
    at: When
    detail: str | None


class EndReport(Answer):
    """How the processes of a workload ended, as the launcher (or, without it, the backend) saw it."""

    exit_code: int | None
    signal: int | None
    receipt: str | None
    """State type that the engine reported at its orderly end; none after `os._exit` or a kill."""
    peak_memory_bytes: int | None
    reason: str | None
    """One sentence with the cause and the next step, where there is one to tell."""


class Workload(Answer):
    id: Identifier
    kind: WorkloadKind
    project: str
    target: Target
    status: Status
    cores: float
    memory_bytes: int
    size: str | None = None
    """Name of its size in the catalogue, if it asked for one."""
    gpu: GpuRequest | None = None
    gpus: list[str] = []
    """UUIDs of the devices that it has, or had until its end."""
    created_at: When
    ended_at: When | None
    """When its processes were gone. It may lie before the final status, which needs Prefect's word."""
    steps: list[Step]
    promises: list[Promise] | None
    """What its launcher found of the six promises; None before it has looked."""
    transitions: list[Transition]
    end: EndReport | None
    cancel_requested_by: str | None


class Attempt(Answer):
    id: Identifier
    number: int
    flow_run_id: Identifier
    pending_state_id: Identifier
    agent_id: Identifier | None
    status: Status
    reason: str | None
    settled_at: When | None
    """When Prefect and the platform were last seen to agree on the end of this attempt."""
    workload: Workload
    page: str | None = None
    """Where the web UI shows its run; told to who asked for the attempt."""


class Run(Answer):
    """One Prefect flow run that the platform has seen, with its last attempt's status."""

    id: Identifier
    name: str
    project: str
    flow_id: Identifier
    flow_name: str
    deployment_name: str | None
    version_id: Identifier
    version_number: int
    status: Status | None
    """Of the last attempt; none before the first."""
    prefect_state: str | None
    """Name of the last Prefect state we know, such as `Completed` or `Suspended`."""
    reason: str | None
    attempts: int
    created_at: When
    started_at: When | None
    ended_at: When | None
    queued_seconds: float | None
    url: str | None = Field(description="The flow run in Prefect's own UI.")
    started_by: str | None = Field(default=None, description="Who started it, where that is known.")
    size: str | None = Field(default=None, description="Name of the last attempt's size, if it has one.")
    cores: float | None = Field(default=None, description="Of the last attempt.")
    memory_bytes: int | None = Field(default=None, description="Of the last attempt.")
    gpus: int = Field(default=0, description="Of the last attempt.")
    peak_memory_bytes: int | None = Field(default=None, description="The most that an ended attempt had.")
    price: float | None = Field(
        default=None, description="All attempts and their Dask clusters until now; null without prices."
    )
    workers: int = Field(default=0, description="Dask workers that its clusters have had.")
    worker_peak_memory_bytes: int | None = Field(
        default=None, description="The most that one ended Dask worker had."
    )


class RunDetail(Run):
    attempt_list: list[Attempt]
    clusters: list[Cluster] = []
    """Dask clusters of its attempts, oldest first."""


class Settlement(Request):
    """The agent's finding after an end: what Prefect says now, read after the processes were gone."""

    status: Status
    prefect_state: Label
    prefect_state_type: Label
    reason: str | None = Field(default=None, max_length=4096)


class CancelRequest(Request):
    reason: str = Field(default="cancelled", max_length=1024)


class CancelRunsRequest(Request):
    run_ids: list[Identifier] = Field(min_length=1, max_length=200)
    reason: str = Field(default="cancelled", max_length=1024)


class CancelledRun(Answer):
    """What became of one run of several that were to be cancelled."""

    run_id: str
    status: Status | None = None
    prefect_state: str | None = None
    code: str | None = Field(default=None, description="Of the refusal; null where it is being cancelled.")
    problem: str | None = Field(default=None, description="Why it was not cancelled.")


class RunSort(StrEnum):
    """How a listing of runs is sorted."""

    NEWEST = "newest"
    OLDEST = "oldest"
    NAME = "name"
    NAME_DESCENDING = "-name"
    SHORTEST = "shortest"
    LONGEST = "longest"
    """The last two by the time from start to end; runs that have not ended are shorter than any."""


class Work(Answer):
    """What an agent has to act on. Ended-but-unsettled attempts are the agent's outbox:
    they stay here until a settlement is accepted, so nothing is lost with the agent."""

    cursor: str
    unsettled: list[Attempt]
    open: list[Attempt]
    cancel: list[Attempt]
    """Open attempts that somebody cancelled here and that Prefect must hear of."""


class Capacity(Answer):
    """Room for attempts now. An agent takes no more flow runs than `slots`."""

    slots: int
    child_slots: int = 0
    """The same for children of open runs, which wait for them: these need memory alone."""
    free_cores: float
    free_memory_bytes: int
    total_cores: float
    total_memory_bytes: int
    queued: int
    gpus: list[Gpu] = []
    """Every device that the platform allocates."""
    free_gpus: list[str] = []
    """UUIDs of those that nobody holds."""


class ClaimRequest(Request):
    """A launcher asks for its spec; again with the same id after a lost answer."""

    launcher_id: Identifier


class StepReport(Request):
    """The launcher tells of one step; `running` also moves the workload's status."""

    name: Label
    at: When
    detail: str | None = Field(default=None, max_length=4096)


class ResultReport(Request):
    """The launcher's last word, after the logs are sealed."""

    exit_code: int | None
    signal: int | None
    receipt: Label | None = None
    receipt_state_name: Label | None = None
    peak_memory_bytes: int | None = None
    reason: str | None = Field(default=None, max_length=4096)
    last_lines: str | None = Field(default=None, max_length=16384)
