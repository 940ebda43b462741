"""When a Jupyter server is to be warned, and when stopped. Pure.

Idle means that no kernel is busy, no kernel or terminal has said or been told anything, and its user has
changed nothing. An open browser alone is no work: pages ask the server all the time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

WARN_SECONDS = 600.0
WARN_PART = 0.1
"""The warning comes ten minutes before the end, or a tenth of the time, whichever is later."""


class Idle(StrEnum):
    NONE = "none"
    WARN = "warn"
    STOP = "stop"
    CALM = "calm"
    """It was warned, and is worked in again."""


@dataclass(frozen=True)
class Times:
    """What a decision depends on."""

    shutoff_seconds: float | None
    active_at: datetime
    extended_until: datetime | None
    warned_at: datetime | None


def stops_at(times: Times) -> datetime | None:
    """When it is stopped, if nothing is done until then."""
    if times.shutoff_seconds is None:
        return None
    due = times.active_at + timedelta(seconds=times.shutoff_seconds)
    return max(due, times.extended_until) if times.extended_until is not None else due


def warns_at(times: Times) -> datetime | None:
    end = stops_at(times)
    if end is None or times.shutoff_seconds is None:
        return None
    return end - timedelta(seconds=min(WARN_SECONDS, WARN_PART * times.shutoff_seconds))


def decide(times: Times, now: datetime) -> Idle:
    """What to do now. None is stopped without a warning before, which gives its whole time from then on."""
    end, warning = stops_at(times), warns_at(times)
    if end is None or warning is None or now < warning:
        return Idle.CALM if times.warned_at is not None else Idle.NONE
    if times.warned_at is None:
        return Idle.WARN
    given = times.warned_at + (end - warning)
    return Idle.STOP if now >= end and now >= given else Idle.NONE
