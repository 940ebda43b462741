"""Notifications of a project. Where they go is a secret: rules hold its name."""

from __future__ import annotations

from collections.abc import Sequence
from types import NoneType

from prefect_platform.client.bodies import body
from prefect_platform.client.retries import ONCE
from prefect_platform.client.transport import Transport
from prefect_platform.errors import UsageError, foreign
from prefect_platform.wire.notifications import (
    DEFAULT_PAUSE_SECONDS,
    EventKind,
    Notification,
    NotificationOutcome,
    NotificationRule,
    NotificationRuleChange,
    NotificationRuleCreate,
)
from prefect_platform.wire.runs import Status
from prefect_platform.wire.secrets import name_problem

_SEND_SECONDS = 30.0


class Notifications:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(
        self,
        project: str,
        name: str,
        target: str,
        *,
        events: Sequence[EventKind | str] = (EventKind.RUN_ENDED,),
        states: Sequence[Status | str] = (Status.FAILED, Status.CRASHED),
        flows: Sequence[str] = (),
        pause_seconds: int = DEFAULT_PAUSE_SECONDS,
        enabled: bool = True,
    ) -> NotificationRule:
        """A new rule: these events go to the address that secret `target` holds.

        Raises:
            UsageError: something of it does not fit, or there is no such secret.
            Conflict: there is a rule of this name.
        """
        wanted = body(
            NotificationRuleCreate,
            name=name,
            target=target,
            events=list(events),
            states=list(states),
            flows=list(flows),
            pause_seconds=pause_seconds,
            enabled=enabled,
        )
        return self._transport.call("POST", _all(project), NotificationRule, body=wanted)

    def list(self, project: str) -> Sequence[NotificationRule]:
        """The rules of a project, the newest first."""
        return self._transport.listing(_all(project), NotificationRule)

    def get(self, project: str, name: str) -> NotificationRule:
        return self._transport.call("GET", _one(project, name), NotificationRule)

    def enable(self, project: str, name: str, *, enabled: bool = True) -> NotificationRule:
        """Turn a rule on or off. Off, what still waits is not sent any more."""
        wanted = NotificationRuleChange(enabled=enabled)
        return self._transport.call("PATCH", _one(project, name), NotificationRule, body=wanted)

    def delete(self, project: str, name: str) -> None:
        self._transport.call("DELETE", _one(project, name), NoneType)

    def messages(self, project: str, name: str) -> Sequence[Notification]:
        """What a rule was to send, the newest first, and what became of it."""
        return self._transport.listing(f"{_one(project, name)}/messages", Notification)

    def test(self, project: str, name: str) -> NotificationOutcome:
        """Send a message now, and say what became of it."""
        path = f"{_one(project, name)}/test"
        return self._transport.call("POST", path, NotificationOutcome, wait=_SEND_SECONDS, retries=ONCE)


def _all(project: str) -> str:
    return f"/api/v1/projects/{project}/notifications"


def _one(project: str, name: str) -> str:
    if name_problem(name) is not None:
        raise UsageError(
            f"{foreign(repr(name))} is no name for a notification: it takes lowercase letters, digits and "
            "dashes."
        )
    return f"{_all(project)}/{name}"
