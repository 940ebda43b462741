"""The outbox on its way out: which rules have something due, and one turn of sending for one of them.

A server claims a rule before it sends for it, by a token in its row that expires, so two replicas never
send the same message. A turn is one message: what has piled up in a rule's pause is counted in it. What
could not be sent is tried again ever later, and given up after `MAX_TRIES`, with the reason.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import CursorResult, delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from prefect_platform.errors import PlatformError
from prefect_platform.server.db.tables import NotificationRow, NotificationRuleRow
from prefect_platform.server.services import notification_messages, notification_targets
from prefect_platform.server.services.notification_messages import Message
from prefect_platform.server.services.notification_sending import Outcome
from prefect_platform.server.services.notification_text import short
from prefect_platform.server.services.parts import Parts
from prefect_platform.wire.notifications import MessageStatus

MAX_TRIES = 7
FIRST_DELAY_SECONDS, DELAY_FACTOR = 10, 3
"""Seven tries take about an hour."""
TURN_SECONDS = 45.0
"""No turn takes longer; a claim expires `SPARE_SECONDS` later."""
SPARE_SECONDS = 30.0
MOST_TOGETHER = 500
NAMED = 5
"""Of the events that a message counts, so many are named."""
LOG_PAUSE_SECONDS = 1.0
KEPT = timedelta(days=30)
"""How long it can be seen what became of a message."""

_log = logging.getLogger(__name__)


async def due(parts: Parts) -> list[str]:
    """Ids of the rules that have something to send."""
    async with parts.database.reader() as session:
        found = await session.scalars(
            select(NotificationRow.rule_id)
            .where(
                NotificationRow.status == MessageStatus.WAITING.value,
                NotificationRow.next_try_at <= parts.clock.now(),
            )
            .distinct()
        )
        return list(found.all())


async def deliver(parts: Parts, rule_id: str) -> None:
    """One turn for a rule. Nothing, if another server has its turn, or nothing is due any more."""
    turn = _Turn(parts, rule_id)
    if not await turn.claim():
        return
    try:
        async with asyncio.timeout(TURN_SECONDS):
            await turn.take()
    finally:
        await turn.release()


async def forget_claims(parts: Parts) -> None:
    """Free what a killed server held. Only where no other server can be: on SQLite, at the start."""
    if parts.database.is_sqlite:
        async with parts.database.session() as session:
            await session.execute(update(NotificationRuleRow).values(lock_token=None, lock_expires_at=None))


async def sweep(parts: Parts) -> int:
    """Forget what ended long ago; how many."""
    async with parts.database.session() as session:
        done = await session.execute(
            delete(NotificationRow).where(NotificationRow.ended_at < parts.clock.now() - KEPT)
        )
        return done.rowcount if isinstance(done, CursorResult) else 0


@dataclass(frozen=True)
class _Batch:
    rule: NotificationRuleRow
    head: NotificationRow
    rest: list[NotificationRow]

    @property
    def ids(self) -> list[str]:
        return [self.head.id, *(row.id for row in self.rest)]


class _Turn:
    def __init__(self, parts: Parts, rule_id: str) -> None:
        self._parts, self._rule_id, self._token = parts, rule_id, secrets.token_hex(16)

    async def claim(self) -> bool:
        now = self._parts.clock.now()
        rule = NotificationRuleRow
        statement = (
            update(rule)
            .where(rule.id == self._rule_id, or_(rule.lock_token.is_(None), rule.lock_expires_at < now))
            .values(
                lock_token=self._token, lock_expires_at=now + timedelta(seconds=TURN_SECONDS + SPARE_SECONDS)
            )
        )
        async with self._parts.database.session() as session:
            done = await session.execute(statement)
            return isinstance(done, CursorResult) and done.rowcount == 1

    async def release(self) -> None:
        rule = NotificationRuleRow
        async with self._parts.database.session() as session:
            await session.execute(
                update(rule)
                .where(rule.id == self._rule_id, rule.lock_token == self._token)
                .values(lock_token=None, lock_expires_at=None)
            )

    async def take(self) -> None:
        batch = await self._batch()
        if batch is None:
            return
        later = self._not_yet(batch.rule)
        if later is not None:
            await self._postpone(batch.ids, later)
        elif not await notification_messages.ready(self._parts, batch.head):
            soon = self._parts.clock.now() + timedelta(seconds=LOG_PAUSE_SECONDS)
            await self._postpone(batch.ids, soon)
        else:
            await self._note(batch, await self._tried(batch))

    async def _batch(self) -> _Batch | None:
        async with self._parts.database.reader() as session:
            rule = await session.get(NotificationRuleRow, self._rule_id)
            found = await session.scalars(
                select(NotificationRow)
                .where(
                    NotificationRow.rule_id == self._rule_id,
                    NotificationRow.status == MessageStatus.WAITING.value,
                    NotificationRow.next_try_at <= self._parts.clock.now(),
                )
                .order_by(NotificationRow.created_at, NotificationRow.id)
                .limit(MOST_TOGETHER)
            )
            rows = list(found)
        return _Batch(rule, rows[0], rows[1:]) if rule is not None and rows else None

    def _not_yet(self, rule: NotificationRuleRow) -> datetime | None:
        """When the pause after the last message ends, if it has not."""
        if rule.last_sent_at is None:
            return None
        until = rule.last_sent_at + timedelta(seconds=rule.pause_seconds)
        return until if until > self._parts.clock.now() else None

    async def _postpone(self, ids: list[str], until: datetime) -> None:
        async with self._parts.database.session() as session:
            await session.execute(
                update(NotificationRow).where(NotificationRow.id.in_(ids)).values(next_try_at=until)
            )

    async def _tried(self, batch: _Batch) -> Outcome:
        try:
            message = await self._message(batch)
            async with self._parts.database.reader() as session:
                url = await notification_targets.address(
                    session, self._parts, batch.rule.project_id, batch.rule.target
                )
        except PlatformError as error:
            return Outcome(False, error.message)
        except Exception as error:  # noqa: BLE001 - counts as a try, so that it ends: said here, and at the rule
            _log.exception("Notification %s could not be made", batch.head.id)
            return Outcome(False, f"The message could not be made ({type(error).__name__}).")
        limit = self._parts.config.notifications.send_seconds
        return await self._parts.sending.send(batch.rule.id, url, message.title, message.body, limit)

    async def _message(self, batch: _Batch) -> Message:
        message = await self._made(batch)
        if not batch.rest:
            return message
        project_id = batch.rule.project_id
        named = [
            await notification_messages.made(self._parts, row, project_id, log=False)
            for row in batch.rest[:NAMED]
        ]
        more = [f"- {one.title}" for one in named]
        if len(batch.rest) > NAMED:
            more.append(f"- and {len(batch.rest) - NAMED} others")
        count = f"{len(batch.rest)} more"
        return Message(
            f"{short(message.title, 180)} (and {count})",
            "\n".join([f"And {count} since {batch.rest[0].created_at:%H:%M} UTC:", *more, "", message.body]),
        )

    async def _made(self, batch: _Batch) -> Message:
        """The message as it was made for the first try, or made now and kept."""
        if batch.head.title is not None and batch.head.body is not None:
            return Message(batch.head.title, batch.head.body)
        message = await notification_messages.made(self._parts, batch.head, batch.rule.project_id)
        async with self._parts.database.session() as session:
            await session.execute(
                update(NotificationRow)
                .where(NotificationRow.id == batch.head.id)
                .values(title=message.title, body=message.body)
            )
        return message

    async def _note(self, batch: _Batch, outcome: Outcome) -> None:
        """What became of it; nothing, if the claim was lost meanwhile."""
        now = self._parts.clock.now()
        async with self._parts.database.session() as session:
            rule = await session.get(NotificationRuleRow, self._rule_id, with_for_update=True)
            if rule is None or rule.lock_token != self._token:
                return
            if outcome.delivered:
                rule.last_sent_at = now
            else:
                rule.last_failed_at, rule.last_failure = now, outcome.reason
            for row in await _waiting(session, batch.ids):
                _settle(row, outcome, head=row.id == batch.head.id, now=now)


async def _waiting(session: AsyncSession, ids: list[str]) -> list[NotificationRow]:
    found = await session.scalars(
        select(NotificationRow).where(
            NotificationRow.id.in_(ids), NotificationRow.status == MessageStatus.WAITING.value
        )
    )
    return list(found)


def _settle(row: NotificationRow, outcome: Outcome, *, head: bool, now: datetime) -> None:
    row.tries += 1
    if outcome.delivered:
        row.status = (MessageStatus.DELIVERED if head else MessageStatus.COUNTED).value
        row.ended_at, row.reason = now, None
        return
    row.reason = outcome.reason
    row.next_try_at = now + timedelta(seconds=FIRST_DELAY_SECONDS * DELAY_FACTOR ** (row.tries - 1))
    if row.tries >= MAX_TRIES:
        row.status, row.ended_at = MessageStatus.FAILED.value, now
