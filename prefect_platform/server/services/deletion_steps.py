"""The order in which a flow is deleted. Pure: no database, no clock, no I/O.

What is left is looked up again before each move, so whatever ended the last one, the next is the same as if
nothing had happened. New work cannot begin from the start of a deletion on; what began just before is found
by looking again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

NAMED_RUNS = 5
"""So many open runs are named in a refusal."""


class Step(StrEnum):
    CANCEL_RUN = "cancel-run"
    """First, so that Prefect keeps them as cancelled: it deletes scheduled runs with their deployment."""
    DELETE_DEPLOYMENT = "delete-deployment"
    """In Prefect, with its schedules and automations, and then here."""
    REMOVE_BUNDLE = "remove-bundle"
    FINISH = "finish"
    """The flow is not listed any more. Last, so that it shows as being deleted until all else is done."""


@dataclass(frozen=True)
class Left:
    """What is left of a flow that is being deleted."""

    runs: Sequence[str]
    """Open ones that were not told to end yet."""
    deployments: Sequence[str]
    bundles: Sequence[str]
    """Code digests that nobody else uses."""


@dataclass(frozen=True)
class Move:
    step: Step
    of: str = ""
    """Id of the run or deployment, or digest of the bundle."""


def next_move(left: Left) -> Move:
    """What to do now."""
    for step, ids in (
        (Step.CANCEL_RUN, left.runs),
        (Step.DELETE_DEPLOYMENT, left.deployments),
        (Step.REMOVE_BUNDLE, left.bundles),
    ):
        if ids:
            return Move(step, ids[0])
    return Move(Step.FINISH)


def refusal(flow_name: str, runs: Sequence[tuple[str, str]]) -> str:
    """Why a flow with open runs, given as (name, status), is not deleted."""
    named = ", ".join(f"{name} ({status})" for name, status in runs[:NAMED_RUNS])
    more = f" and {len(runs) - NAMED_RUNS} more" if len(runs) > NAMED_RUNS else ""
    count = "an open run" if len(runs) == 1 else f"{len(runs)} open runs"
    return (
        f"Flow {flow_name!r} has {count}: {named}{more}. Wait for their end, or cancel them with it: "
        f"`prefect-platform flow delete {flow_name} --cancel-runs`. Nothing was deleted."
    )


def schedule_words(schedule: Mapping[str, Any]) -> str:
    """One of Prefect's schedules, in words."""
    when = schedule.get("schedule")
    when = when if isinstance(when, Mapping) else {}
    words = "a schedule"
    for kind, text in (("cron", "cron {}"), ("interval", "every {:g} s"), ("rrule", "{}")):
        value = when.get(kind)
        if isinstance(value, str if kind != "interval" else int | float):
            words = text.format(value)
    return words if schedule.get("active", True) else f"{words} (paused)"
