"""Notifications: which events of a project are told to whom, and what became of each message.

Where a message goes is a URL with a password or token in it, so it is a secret: a rule holds its name.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from prefect_platform.wire.base import Answer, Identifier, Label, Name, Request, When
from prefect_platform.wire.runs import FINAL, Status
from prefect_platform.wire.secrets import SecretName

MAX_FLOWS = 50
DEFAULT_PAUSE_SECONDS = 60
MAX_PAUSE_SECONDS = 86_400


class EventKind(StrEnum):
    """What a project can be told of."""

    RUN_ENDED = "run-ended"
    AGENT_STUCK = "agent-stuck"
    """An agent was not heard of for a while, or cannot take work; told again once it is well."""
    JUPYTER_STOPPING = "jupyter-stopping"
    """A Jupyter server that nobody uses is about to be stopped."""


def _final(status: Status) -> Status:
    if status not in FINAL:
        raise ValueError(f"a run ends as one of {', '.join(sorted(FINAL))}")
    return status


EndState = Annotated[Status, AfterValidator(_final)]
Events = Annotated[list[EventKind], Field(min_length=1, max_length=len(EventKind))]
States = Annotated[list[EndState], Field(min_length=1, max_length=len(FINAL))]
Pattern = Annotated[Label, StringConstraints(max_length=255)]


class NotificationRuleCreate(Request):
    """A rule: `events` of this project go to `target`."""

    name: Name
    target: SecretName
    """The secret that holds the address, such as `mailto://…`, `slack://…` or `jsons://…`."""
    events: Events = [EventKind.RUN_ENDED]
    states: States = [Status.FAILED, Status.CRASHED]
    """For `run-ended`: the ends that are told."""
    flows: Annotated[list[Pattern], Field(max_length=MAX_FLOWS)] = []
    """For `run-ended`: names of flows (`etl`) or of their deployments (`etl/nightly`), with `*` and `?`."""
    pause_seconds: int = Field(default=DEFAULT_PAUSE_SECONDS, ge=0, le=MAX_PAUSE_SECONDS)
    """At least so long between two messages; what happens meanwhile is counted in the next."""
    enabled: bool = True


class NotificationRuleChange(Request):
    enabled: bool


class NotificationRule(Answer):
    name: Name
    project: str
    target: SecretName
    events: list[EventKind]
    states: list[Status]
    flows: list[str]
    pause_seconds: int
    enabled: bool
    created_by: str
    created_at: When
    waiting: int
    """Messages that are still to be sent."""
    last_sent_at: When | None
    last_failed_at: When | None
    last_failure: str | None
    """Why the last try that failed did."""


class MessageStatus(StrEnum):
    WAITING = "waiting"
    DELIVERED = "delivered"
    """The receiver has taken it."""
    COUNTED = "counted"
    """It happened in the pause after another message, and was counted in the next one."""
    FAILED = "failed"
    """Given up after the last try."""


class Notification(Answer):
    """One event for one rule, and what became of its message."""

    id: Identifier
    kind: EventKind
    subject: str
    """Id of what it is about."""
    status: MessageStatus
    title: str | None
    tries: int
    reason: str | None
    """Why the last try failed."""
    created_at: When
    next_try_at: When | None
    ended_at: When | None


class NotificationOutcome(Answer):
    """What became of a message that was sent at once."""

    delivered: bool
    reason: str | None
