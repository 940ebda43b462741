"""What a cluster needs next, from what is wanted of it and how its members stand. Pure.

Workers are told to go in two ways. Those whose data counts are retired by the scheduler, which moves the data
first: that is how a cluster grows smaller. Those that have none yet, or whose cluster ends, are stopped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from prefect_platform.server.db.tables import ClusterRow, WorkloadRow
from prefect_platform.server.services.resource_moves import FIRST_PAUSE, LONGEST_PAUSE, STEADY_SECONDS
from prefect_platform.wire.clusters import SCHEDULER_SOURCE, ClusterStatus, MemberStatus, worker_source
from prefect_platform.wire.dask_spec import DaskSpec
from prefect_platform.wire.runs import FINAL, Status, Target

MOST_FAILURES = 6
"""Workers in a row that end soon after their start: then the cluster has failed."""
RETIRE_SECONDS = 3600.0
"""What workers have to come to the end of their tasks when fewer are wanted; then the newest are stopped."""
NOTICE = timedelta(seconds=30)
"""What an engine has to see by itself that its cluster is lost."""
OWNER_ENDED = {"attempt": "its run has ended", "jupyter-server": "its Jupyter server was stopped"}


@dataclass(frozen=True)
class Facts:
    """A cluster and its members, as far as the next moves depend on them."""

    row: ClusterRow
    members: Sequence[WorkloadRow]
    """All but those whose end the cluster has noted."""
    owner_open: bool
    """Whether what it belongs to is open; a user's own always is."""
    now: datetime
    draining: bool = False
    abandoned: bool = False
    """Whether its lease is over."""
    bereft_at: datetime | None = None
    """When the attempt that it belongs to was told that it is lost; none once that ends."""


@dataclass
class Moves:
    """What to do now, all in one transaction."""

    end: str | None = None
    """End the cluster, for this reason."""
    failed: bool = False
    """Whether that is a failure."""
    note: list[WorkloadRow] = field(default_factory=list)
    """Ends to be noted."""
    lost: list[WorkloadRow] = field(default_factory=list)
    """Those of them that should not have ended."""
    stop: list[WorkloadRow] = field(default_factory=list)
    add: int = 0
    """Workers to make."""
    over: bool = False
    """Nothing is left: the cluster has ended."""
    stop_owner: bool = False
    """The attempt goes on without its cluster, and can only wait for it."""

    def __bool__(self) -> bool:
        return bool(self.end or self.note or self.stop or self.add or self.over or self.stop_owner)


def is_open(row: WorkloadRow) -> bool:
    return row.ended_at is None and Status(row.status) not in FINAL


def member_name(row: WorkloadRow) -> str:
    return worker_source(row.cluster_number) if row.cluster_number else SCHEDULER_SOURCE


def next_moves(facts: Facts) -> Moves:
    """What is due; falsy if there is nothing."""
    row, moves = facts.row, Moves()
    living = [one for one in facts.members if is_open(one)]
    moves.note = [one for one in facts.members if not is_open(one)]
    moves.lost = [one for one in moves.note if _unwanted_end(row, one)]
    if row.target == Target.STOPPED:
        moves.stop = [one for one in _first_to_stop(living) if one.target == Target.RUNNING]
        bereft = facts.bereft_at if facts.owner_open else None
        moves.over = not living and bereft is None
        moves.stop_owner = bereft is not None and facts.now - bereft > NOTICE
        return moves
    moves.end, moves.failed = _end(facts, moves)
    if moves.end is None:
        _workers(facts, living, moves)
    return moves


def _first_to_stop(living: Sequence[WorkloadRow]) -> Sequence[WorkloadRow]:
    """A scheduler that runs, before the others: it asks its workers for the performance report, and then lets
    them go itself."""
    running = [one for one in living if one.cluster_number == 0 and one.status == Status.RUNNING]
    early = [one for one in living if one.status != Status.RUNNING]
    return [*running, *early] if running else living


def _end(facts: Facts, moves: Moves) -> tuple[str | None, bool]:
    """Why a cluster that is wanted ends all the same, and whether that is a failure."""
    row, over = facts.row, _time_is_over(facts)
    if over is not None:
        return over, False
    scheduler = next((one for one in moves.note if one.cluster_number == 0), None)
    if scheduler is not None:
        why = end_reason(scheduler) or "it ended by itself"
        return f"its scheduler was lost: {why}", True
    if row.failures + len(moves.lost) >= MOST_FAILURES and row.workers_ready == 0:
        last = moves.lost[-1:] and end_reason(moves.lost[-1])
        return (
            f"workers end soon after their start. The last of {MOST_FAILURES}: {last or 'it is gone'}",
            True,
        )
    return None, False


def _time_is_over(facts: Facts) -> str | None:
    """Why a cluster that is well ends."""
    row = facts.row
    if not facts.owner_open:
        return OWNER_ENDED.get(row.owner_kind, "what it belongs to has ended")
    if facts.draining:
        return "the platform was stopped"
    if facts.abandoned:
        return f"whoever made it was not heard of for {row.lease_seconds:g} s"
    lifetime = DaskSpec.model_validate(row.spec).lifetime_seconds
    if lifetime is not None and facts.now - row.created_at >= timedelta(seconds=lifetime):
        return f"its lifetime of {lifetime:g} s is over"
    return None


def _workers(facts: Facts, living: Sequence[WorkloadRow], moves: Moves) -> None:
    """As many as are wanted."""
    row = facts.row
    workers = [one for one in living if one.cluster_number and one.target == Target.RUNNING]
    missing = row.n_workers - len(workers)
    due = row.next_worker_at is None or row.next_worker_at <= facts.now
    if missing > 0 and due and not moves.lost:
        moves.add = missing
    elif missing < 0:
        moves.stop = _surplus(row, workers, -missing, facts.now)


def _surplus(row: ClusterRow, workers: Sequence[WorkloadRow], count: int, now: datetime) -> list[WorkloadRow]:
    """Workers to stop without ceremony: they have no data yet, or the scheduler has not retired them."""
    newest = sorted(workers, key=lambda one: one.cluster_number or 0, reverse=True)
    early = [one for one in newest if one.status != Status.RUNNING]
    if row.scheduler_address is None:
        return newest[:count]
    waited = now - row.scaled_at > timedelta(seconds=RETIRE_SECONDS)
    return newest[:count] if waited else early[:count]


def _unwanted_end(row: ClusterRow, one: WorkloadRow) -> bool:
    """An end that nobody asked for. A worker that ends in good order was retired."""
    if row.target == Target.STOPPED or (one.target == Target.STOPPED and one.cancel_requested_by is not None):
        return False
    return one.status != Status.SUCCEEDED or one.cluster_number == 0


def end_reason(one: WorkloadRow) -> str | None:
    """Why a member ended."""
    found: str | None = (one.end or {}).get("reason")
    return found


def is_steady(one: WorkloadRow) -> bool:
    """Whether it ran so long that its end says nothing of its start."""
    return one.ended_at is not None and (one.ended_at - one.created_at).total_seconds() >= STEADY_SECONDS


def pause(failures: int) -> timedelta:
    """Before the worker that follows so many quick ends in a row."""
    return timedelta(seconds=min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(failures, 16)))


def status(row: ClusterRow, scheduler: WorkloadRow | None) -> ClusterStatus:
    """What people are told of it."""
    if row.ended_at is not None:
        return ClusterStatus.FAILED if row.failed else ClusterStatus.STOPPED
    if row.target == Target.STOPPED:
        return ClusterStatus.STOPPING
    if row.scheduler_address is not None:
        return ClusterStatus.RUNNING
    queued = scheduler is None or scheduler.status == Status.QUEUED
    return ClusterStatus.QUEUED if queued else ClusterStatus.STARTING


def member_status(one: WorkloadRow) -> MemberStatus:
    if not is_open(one):
        return MemberStatus.ENDED
    if one.target == Target.STOPPED:
        return MemberStatus.STOPPING
    if one.status == Status.QUEUED:
        return MemberStatus.QUEUED
    return MemberStatus.RUNNING if one.status == Status.RUNNING else MemberStatus.STARTING
