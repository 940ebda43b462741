"""What a workload needs next, from what is wanted, what is written down and what was seen. Pure.

Everything the controller does follows from `next_step`; a restarted controller asks the same
question of the same rows and goes on.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from prefect_platform.backends.base import Observed, Phase
from prefect_platform.server.db.tables import WorkloadRow
from prefect_platform.server.services import workloads
from prefect_platform.wire.runs import FINAL, Status, Target

STOP_MARGIN_SECONDS = 20.0
"""What a launcher has beyond its grace to drain its logs, before it is asked again, by force."""

LINGER_SECONDS = 30.0
"""How long processes may outlive their reported end before they are stopped."""


class Step(StrEnum):
    ADMIT = "admit"
    """It waits for room."""
    DROP = "drop"
    """Cancelled before anything of it was started."""
    START = "start"
    STOP = "stop"
    END = "end"
    """Its processes are gone: write down how."""
    SILENT = "silent"
    """Nobody has heard of it for too long."""
    COMPLETE_LOGS = "complete-logs"
    REMOVE = "remove"


@dataclass(frozen=True)
class Facts:
    """One row, as far as the next step depends on it."""

    status: Status
    target: Target
    has_handle: bool
    placed: bool
    """The infrastructure took it, or a launcher has claimed it."""
    gone: bool
    logs_complete: bool
    grace_seconds: float
    ended_seconds: float | None
    """Since its reported end."""
    asked_seconds: float | None
    """Since it was last asked to end."""

    @property
    def mark(self) -> str:
        """Changes whenever a step that failed may be worth another try at once."""
        return f"{self.status.value} {self.target.value} {self.gone} {self.ended_seconds is not None}"


def facts_of(row: WorkloadRow, now: datetime) -> Facts:
    asked = workloads.noted(row, workloads.STOP_ASKED)
    return Facts(
        status=Status(row.status),
        target=Target(row.target),
        has_handle=bool(row.handle),
        placed=row.launcher_id is not None or workloads.noted(row, workloads.PLACED) is not None,
        gone=workloads.noted(row, workloads.GONE) is not None,
        logs_complete=workloads.noted(row, workloads.COMPLETE) is not None,
        grace_seconds=row.grace_seconds,
        ended_seconds=None if row.ended_at is None else (now - row.ended_at).total_seconds(),
        asked_seconds=None if asked is None else (now - asked).total_seconds(),
    )


def next_step(facts: Facts, seen: Observed | None, *, silent: bool) -> Step | None:
    """What to do now; None to wait.

    Args:
        facts: the row.
        seen: what the backend saw; None where it does not answer or was not asked.
        silent: neither launcher nor backend has given a sign of life for too long.
    """
    phase = None if seen is None else seen.phase
    if facts.status is Status.QUEUED:
        return Step.DROP if facts.target is Target.STOPPED else Step.ADMIT
    if facts.ended_seconds is not None:
        return _after_end(facts, phase, silent=silent)
    if not facts.placed and phase not in (Phase.RUNNING, Phase.ENDED):
        return Step.DROP if facts.target is Target.STOPPED else Step.START
    return _while_open(facts, phase, silent=silent)


def _while_open(facts: Facts, phase: Phase | None, *, silent: bool) -> Step | None:
    stopped = facts.target is Target.STOPPED
    if phase is Phase.ENDED or (phase is Phase.ABSENT and stopped):
        return Step.END
    if silent and phase in (None, Phase.ABSENT):
        return Step.SILENT
    return Step.STOP if stopped and _lives(phase) and _stop_is_due(facts) else None


def _after_end(facts: Facts, phase: Phase | None, *, silent: bool) -> Step | None:
    final = facts.status in FINAL
    if not facts.has_handle:
        return Step.REMOVE if final else None
    if _lives(phase):
        unwanted = facts.target is Target.STOPPED or (facts.ended_seconds or 0.0) > LINGER_SECONDS
        return Step.STOP if unwanted and _stop_is_due(facts) else None
    if not facts.gone:
        return Step.END if phase is not None or silent else None
    if phase is None:
        return None
    if not facts.logs_complete:
        return Step.COMPLETE_LOGS
    return Step.REMOVE if final else None


def _lives(phase: Phase | None) -> bool:
    return phase in (Phase.PENDING, Phase.RUNNING)


def _stop_is_due(facts: Facts) -> bool:
    return facts.asked_seconds is None or facts.asked_seconds > facts.grace_seconds + STOP_MARGIN_SECONDS
