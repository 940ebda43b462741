"""Events that people are told of, written where they happen: one row of the outbox for each rule that asks.

The row is part of the transaction of the event, so neither is there without the other, and a message is
lost with no process. Messages are made and sent afterwards (`notification_delivery`), at least once: a
server that dies between the sending and its note of it sends again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from prefect_platform.names import new_id
from prefect_platform.server.db.tables import (
    FlowRow,
    NotificationRow,
    NotificationRuleRow,
    RunRow,
    WorkloadRow,
)
from prefect_platform.server.services import notification_text, workloads
from prefect_platform.server.services.parts import Parts
from prefect_platform.wire.notifications import EventKind, MessageStatus
from prefect_platform.wire.runs import FINAL

MAX_TITLE = 200
MAX_SENTENCE = 1000


@dataclass(frozen=True)
class Event:
    """Something that people may want to be told of. Its text is masked before it is kept."""

    kind: EventKind
    project_id: str
    subject: str
    """Id of what it is about."""
    title: str
    """One line: what happened to what."""
    sentence: str
    """The cause, and the next step."""
    link: str | None = None
    command: str | None = None
    """What to type to see more."""
    log_workload_id: str | None = None
    """Whose last lines of log the message ends with."""
    once: str = ""
    """Tells this event from others of its kind and subject: told twice with the same it is one. By default
    each call is an event of its own."""


async def tell(session: AsyncSession, parts: Parts, event: Event) -> int:
    """Put an event into the outbox, in the caller's transaction; how many rules it concerns.

    Raises:
        Unavailable, DigestMismatch: a secret of the project cannot be read, so nothing can be masked.
    """
    rules = await _rules(session, event.project_id, event.kind)
    if not rules:
        return 0
    masks = await notification_text.masks(session, parts, event.project_id, event.log_workload_id)
    payload = {
        "title": masks.line(event.title, MAX_TITLE),
        "sentence": masks.line(event.sentence, MAX_SENTENCE),
        "link": event.link and masks.line(event.link, MAX_SENTENCE),
        "command": event.command and masks.line(event.command),
        "workload_id": event.log_workload_id,
    }
    event_id = f"{event.kind.value}:{event.subject}:{event.once or new_id('ev')}"
    await _put(session, rules, event.kind, event.subject, event_id, payload, parts.clock.now())
    return len(rules)


async def ended(session: AsyncSession, row: WorkloadRow, at: datetime) -> None:
    """A locked workload has its final status: tell of the end of its run, if that is over by it.

    Only ids are kept here: no foreign text is stored unmasked, and no log is read in a transaction.
    """
    rules = await _rules(session, row.project_id, EventKind.RUN_ENDED)
    attempt = await workloads.attempt_of(session, row.id) if rules else None
    run = None if attempt is None else await session.get(RunRow, attempt.run_id)
    if run is not None and attempt is not None and run.attempts == attempt.number:
        await _tell_run(session, rules, run, row.id, at)


async def concluded(session: AsyncSession, run: RunRow, at: datetime) -> None:
    """A locked run is over without an attempt that ended it: Prefect cancelled or lost it while it waited."""
    rules = await _rules(session, run.project_id, EventKind.RUN_ENDED)
    if rules:
        await _tell_run(session, rules, run, None, at)


async def _tell_run(
    session: AsyncSession,
    rules: Sequence[NotificationRuleRow],
    run: RunRow,
    workload_id: str | None,
    at: datetime,
) -> None:
    if run.ended_at is None or run.status not in FINAL:  # suspended: it goes on
        return
    flow = await session.get_one(FlowRow, run.flow_id)
    wanted = [rule for rule in rules if wants(rule, run.status, flow.name, run.deployment_name)]
    payload = {"run_id": run.id, "workload_id": workload_id}
    event_id = f"{EventKind.RUN_ENDED.value}:{run.id}:{workload_id or 'concluded'}"
    await _put(session, wanted, EventKind.RUN_ENDED, run.id, event_id, payload, at)


def wants(rule: NotificationRuleRow, status: str, flow: str, deployment: str | None) -> bool:
    """Whether a rule asks for this end of a run of this flow."""
    names = [flow, *([f"{flow}/{deployment}"] if deployment else [])]
    matches = (fnmatchcase(name, pattern) for name in names for pattern in rule.flows)
    return status in rule.states and (not rule.flows or any(matches))


async def _rules(session: AsyncSession, project_id: str, kind: EventKind) -> list[NotificationRuleRow]:
    found = await session.scalars(
        select(NotificationRuleRow).where(
            NotificationRuleRow.project_id == project_id, NotificationRuleRow.enabled.is_(True)
        )
    )
    return [rule for rule in found if kind.value in rule.events]


async def _put(
    session: AsyncSession,
    rules: Sequence[NotificationRuleRow],
    kind: EventKind,
    subject: str,
    event_id: str,
    payload: Mapping[str, Any],
    at: datetime,
) -> None:
    """One row a rule. An event that is there already is passed over, so that the caller's own work stands."""
    if not rules:
        return
    rows = [
        {
            "id": new_id("nt"),
            "rule_id": rule.id,
            "event_id": event_id,
            "kind": kind.value,
            "subject": subject,
            "payload": dict(payload),
            "status": MessageStatus.WAITING.value,
            "tries": 0,
            "created_at": at,
            "next_try_at": at,
        }
        for rule in rules
    ]
    on_sqlite = (await session.connection()).dialect.name == "sqlite"
    into = sqlite.insert(NotificationRow) if on_sqlite else postgresql.insert(NotificationRow)
    await session.execute(into.values(rows).on_conflict_do_nothing())
