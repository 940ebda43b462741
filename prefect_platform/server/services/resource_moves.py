"""What a resource needs next, from what is wanted of it and how its last start stands. Pure.

A start is a workload, which the controller moves by itself; here it is only decided when there is to be one.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import ColumnElement, and_, case, or_

from prefect_platform.server.db.tables import ResourceRow, WorkloadRow
from prefect_platform.wire.resources import ResourceStatus, ResourceTarget
from prefect_platform.wire.runs import FINAL, Status, Target

STEADY_SECONDS = 5.0
"""Whoever has run so long is no failure at its end: it is started again at once."""
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 60.0
HANGS_SECONDS = 60.0
HANGS = f"it had not reported for {HANGS_SECONDS:g} s, though its process lived"
"""Why a start is ended that does nothing any more; what was asked for by somebody never says this."""


class Move(StrEnum):
    START = "start"
    STOP = "stop"
    NOTE_END = "note-end"
    """Its last start has ended: write down why, and what follows."""
    FORGET = "forget"
    """It is to be deleted, and nothing of it is left."""


@dataclass(frozen=True)
class Facts:
    """One resource and its last start, as far as the next move depends on them."""

    target: ResourceTarget
    restart: bool
    due: bool
    """A start is wanted, and its time has come."""
    noted: bool
    """What follows from the end of the last start is written down."""
    open: bool
    """The last start has not ended."""
    asked: bool
    """It was asked to end."""
    gone: bool
    """There is no last start, or nothing of it is left."""
    hangs: bool = False
    """Its process lives, and does nothing any more."""


def facts_of(row: ResourceRow, workload: WorkloadRow | None, now: datetime, *, hangs: bool = False) -> Facts:
    is_open = workload is not None and Status(workload.status) not in FINAL
    return Facts(
        target=ResourceTarget(row.target),
        restart=row.restart,
        due=row.next_start_at is not None and row.next_start_at <= now,
        noted=row.next_start_at is not None or row.target != ResourceTarget.RUNNING,
        open=is_open,
        asked=workload is not None and workload.target == Target.STOPPED,
        gone=workload is None or workload.removed_at is not None,
        hangs=hangs,
    )


def next_move(facts: Facts, *, draining: bool) -> Move | None:
    """What to do now; None to wait. While the platform is being stopped nothing is started."""
    unwanted = facts.target is not ResourceTarget.RUNNING or facts.restart or facts.hangs
    if facts.open:
        return Move.STOP if unwanted and not facts.asked else None
    if facts.target is ResourceTarget.DELETED:
        return Move.FORGET if facts.gone else None
    if facts.target is ResourceTarget.STOPPED:
        return None
    if not facts.noted:
        return Move.NOTE_END
    return Move.START if facts.due and not draining else None


def may_move(now: datetime, hanging: Collection[str]) -> ColumnElement[bool]:
    """Of a resource joined with its last start: whether `next_move` has something to do now, so that what
    has not is not read again and again."""
    final = [status.value for status in FINAL]
    is_open = case((WorkloadRow.id.is_(None), False), else_=WorkloadRow.status.not_in(final))
    unwanted = or_(
        ResourceRow.target != ResourceTarget.RUNNING.value, ResourceRow.restart, WorkloadRow.id.in_(hanging)
    )
    due = or_(ResourceRow.next_start_at.is_(None), ResourceRow.next_start_at <= now)
    gone = or_(WorkloadRow.id.is_(None), WorkloadRow.removed_at.is_not(None))
    return or_(
        and_(is_open, unwanted, WorkloadRow.target != Target.STOPPED.value),
        and_(~is_open, ResourceRow.target == ResourceTarget.DELETED.value, gone),
        and_(~is_open, ResourceRow.target == ResourceTarget.RUNNING.value, due),
    )


def pause(failures: int) -> timedelta:
    """Before the start that follows so many quick ends in a row."""
    return timedelta(seconds=min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(failures, 16)))


def status(row: ResourceRow, workload: WorkloadRow | None, now: datetime) -> ResourceStatus:
    """What people are told of it."""
    facts = facts_of(row, workload, now)
    if facts.target is ResourceTarget.DELETED:
        return ResourceStatus.DELETING
    if facts.open and workload is not None:
        return ResourceStatus.STOPPING if facts.asked or facts.restart else _open(Status(workload.status))
    if facts.target is ResourceTarget.STOPPED:
        return ResourceStatus.FAILED if row.reason else ResourceStatus.STOPPED
    waits = row.reason is not None and not facts.due
    return ResourceStatus.WAITING if waits else ResourceStatus.STARTING


def _open(status: Status) -> ResourceStatus:
    if status is Status.QUEUED:
        return ResourceStatus.QUEUED
    return ResourceStatus.RUNNING if status is Status.RUNNING else ResourceStatus.STARTING


def note_end(row: ResourceRow, workload: WorkloadRow | None, *, always_on: bool, now: datetime) -> None:
    """Write down what follows from the end of the last start."""
    row.reason = None
    if row.restart or (always_on and _asked_for(workload)):
        row.restart, row.failures, row.next_start_at = False, 0, now
        return
    if not _asked_for(workload):
        row.reason = _reason(workload)
    if not always_on:
        row.target = ResourceTarget.STOPPED.value
        return
    steady = workload is not None and _seconds(workload) >= STEADY_SECONDS
    row.failures = 0 if steady else row.failures + 1
    row.restarts += 1
    row.next_start_at = now + (pause(row.failures - 1) if row.failures else timedelta(0))


def _asked_for(workload: WorkloadRow | None) -> bool:
    """Somebody wanted this start to end, but not the resource to be stopped: the whole platform was."""
    return (
        workload is not None and workload.cancel_requested_by is not None and workload.cancel_reason != HANGS
    )


def _reason(workload: WorkloadRow | None) -> str | None:
    if workload is None or workload.end is None:
        return "Its last start was lost."
    if workload.cancel_reason == HANGS:
        return f"{HANGS[0].upper()}{HANGS[1:]}, and was ended."
    if workload.status == Status.SUCCEEDED:
        return None
    found: str | None = workload.end.get("reason")
    return found or "It ended by itself."


def _seconds(workload: WorkloadRow) -> float:
    return ((workload.ended_at or workload.created_at) - workload.created_at).total_seconds()
