"""Rules of notifications, which every member of a project may make, test and delete; and what was sent."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from prefect_platform.errors import Conflict, NotFound, UsageError, foreign
from prefect_platform.names import nearest, new_id
from prefect_platform.server.db.tables import NotificationRow, NotificationRuleRow, ProjectRow, UserRow
from prefect_platform.server.services import notification_targets, notification_text, projects, secrets
from prefect_platform.server.services.callers import Caller
from prefect_platform.server.services.paging import page
from prefect_platform.server.services.parts import Parts
from prefect_platform.wire.base import Page, storable
from prefect_platform.wire.notifications import (
    MessageStatus,
    Notification,
    NotificationOutcome,
    NotificationRule,
    NotificationRuleChange,
    NotificationRuleCreate,
)

MAX_RULES = 100
"""Of one project: each is looked at for each event."""


async def create(
    parts: Parts, caller: Caller, project_name: str, request: NotificationRuleCreate
) -> NotificationRule:
    """A new rule.

    Raises:
        Conflict: there is one of this name, or there are too many.
        UsageError: there is no such secret, or it holds no address that is allowed here.
    """
    try:
        async with parts.database.session() as session:
            project = await projects.member(session, caller, project_name)
            await _check(session, parts, project, request)
            row = _row(parts, caller, project, request)
            session.add(row)
            await session.flush()
            return (await _rendered(session, project, [row]))[0]
    except IntegrityError as error:
        raise Conflict(
            f"Project {project_name!r} has a notification {request.name!r} already: delete it first, or "
            "choose another name."
        ) from error


async def _check(
    session: AsyncSession, parts: Parts, project: ProjectRow, request: NotificationRuleCreate
) -> None:
    lost = await secrets.missing(session, project, [request.target])
    if lost:
        raise UsageError(
            f"Project {project.name!r} has no secret {lost[0]} "
            f"`prefect-platform secret set {request.target}` keeps the address there."
        )
    await notification_targets.address(session, parts, project.id, request.target)
    count = await session.scalar(select(func.count()).where(NotificationRuleRow.project_id == project.id))
    if (count or 0) >= MAX_RULES:
        raise Conflict(f"Project {project.name!r} has {MAX_RULES} notifications: delete one first.")


def _row(
    parts: Parts, caller: Caller, project: ProjectRow, request: NotificationRuleCreate
) -> NotificationRuleRow:
    return NotificationRuleRow(
        id=new_id("nr"),
        project_id=project.id,
        name=request.name,
        target=request.target,
        events=[event.value for event in dict.fromkeys(request.events)],
        states=[state.value for state in dict.fromkeys(request.states)],
        flows=list(dict.fromkeys(request.flows)),
        enabled=request.enabled,
        pause_seconds=request.pause_seconds,
        created_by=caller.user_id or "",
        created_at=parts.clock.now(),
    )


async def listing(
    parts: Parts, caller: Caller, project_name: str, cursor: str | None, limit: int | None
) -> Page[NotificationRule]:
    """The rules of a project, the newest first."""
    async with parts.database.reader() as session:
        project = await projects.member(session, caller, project_name)
        statement = select(NotificationRuleRow).where(NotificationRuleRow.project_id == project.id)
        rows, following = await page(session, statement, [NotificationRuleRow.id], cursor, limit)
        return Page[NotificationRule](items=await _rendered(session, project, rows), cursor=following)


async def show(parts: Parts, caller: Caller, project_name: str, name: str) -> NotificationRule:
    async with parts.database.reader() as session:
        project, row = await _found(session, caller, project_name, name)
        return (await _rendered(session, project, [row]))[0]


async def change(
    parts: Parts, caller: Caller, project_name: str, name: str, request: NotificationRuleChange
) -> NotificationRule:
    """Turn a rule on or off. Off, what still waits is not sent any more."""
    async with parts.database.session() as session:
        project, row = await _found(session, caller, project_name, name, write=True)
        row.enabled = request.enabled
        if not request.enabled:
            await _give_up(session, parts, row)
        await session.flush()
        return (await _rendered(session, project, [row]))[0]


async def _give_up(session: AsyncSession, parts: Parts, row: NotificationRuleRow) -> None:
    await session.execute(
        update(NotificationRow)
        .where(NotificationRow.rule_id == row.id, NotificationRow.status == MessageStatus.WAITING.value)
        .values(
            status=MessageStatus.FAILED.value,
            ended_at=parts.clock.now(),
            reason="The notification was disabled before this was sent.",
        )
    )


async def remove(parts: Parts, caller: Caller, project_name: str, name: str) -> None:
    """Delete a rule, with what waits and what is known of what it sent. The secret stays."""
    async with parts.database.session() as session:
        _, row = await _found(session, caller, project_name, name, write=True)
        await session.execute(delete(NotificationRow).where(NotificationRow.rule_id == row.id))
        await session.delete(row)


async def messages(
    parts: Parts, caller: Caller, project_name: str, name: str, cursor: str | None, limit: int | None
) -> Page[Notification]:
    """What a rule was to send, the newest first, and what became of it."""
    async with parts.database.reader() as session:
        _, row = await _found(session, caller, project_name, name)
        statement = select(NotificationRow).where(NotificationRow.rule_id == row.id)
        rows, following = await page(session, statement, [NotificationRow.id], cursor, limit)
    return Page[Notification](items=[_message(one) for one in rows], cursor=following)


async def test(parts: Parts, caller: Caller, project_name: str, name: str) -> NotificationOutcome:
    """Send a message now, whether or not the rule is enabled, and say what became of it.

    Raises:
        UsageError: its secret is gone, or holds no address that is allowed here.
    """
    async with parts.database.reader() as session:
        project, row = await _found(session, caller, project_name, name)
        url = await notification_targets.address(session, parts, project.id, row.target)
        masks = await notification_text.masks(session, parts, project.id, None)
    title = masks.line(f"Test of notification {name}")
    body = masks.text(
        f"{caller.name} asked for this message. Notification {name} of project {project_name} tells of "
        f"{', '.join(row.events)} here."
    )
    limit = parts.config.notifications.send_seconds
    outcome = await parts.sending.send(row.id, url, title, body, limit)
    return NotificationOutcome(delivered=outcome.delivered, reason=outcome.reason)


async def _found(
    session: AsyncSession, caller: Caller, project_name: str, name: str, *, write: bool = False
) -> tuple[ProjectRow, NotificationRuleRow]:
    project = await projects.member(session, caller, project_name)
    rules = select(NotificationRuleRow).where(NotificationRuleRow.project_id == project.id)
    statement = rules.where(NotificationRuleRow.name == name)
    row = (
        await session.scalar(statement.with_for_update() if write else statement) if storable(name) else None
    )
    if row is None:
        known = [one.name for one in await session.scalars(rules)]
        raise NotFound(
            f"Project {project.name!r} has no notification {foreign(repr(name))}."
            f"{nearest(name, known) or ' `prefect-platform notification list` shows what there is.'}"
        )
    return project, row


async def _rendered(
    session: AsyncSession, project: ProjectRow, rows: Sequence[NotificationRuleRow]
) -> list[NotificationRule]:
    users = await session.execute(
        select(UserRow.id, UserRow.name).where(UserRow.id.in_({row.created_by for row in rows}))
    )
    names = {row.id: row.name for row in users}
    waiting = await _waiting(session, [row.id for row in rows])
    return [
        NotificationRule(
            name=row.name,
            project=project.name,
            target=row.target,
            events=row.events,
            states=row.states,
            flows=row.flows,
            pause_seconds=row.pause_seconds,
            enabled=row.enabled,
            created_by=names[row.created_by],
            created_at=row.created_at,
            waiting=waiting.get(row.id, 0),
            last_sent_at=row.last_sent_at,
            last_failed_at=row.last_failed_at,
            last_failure=row.last_failure,
        )
        for row in rows
    ]


async def _waiting(session: AsyncSession, rule_ids: list[str]) -> dict[str, int]:
    found = await session.execute(
        select(NotificationRow.rule_id, func.count())
        .where(NotificationRow.rule_id.in_(rule_ids), NotificationRow.status == MessageStatus.WAITING.value)
        .group_by(NotificationRow.rule_id)
    )
    return {row[0]: row[1] for row in found}


def _message(row: NotificationRow) -> Notification:
    return Notification(
        id=row.id,
        kind=row.kind,
        subject=row.subject,
        status=row.status,
        title=row.title or row.payload.get("title"),
        tries=row.tries,
        reason=row.reason,
        created_at=row.created_at,
        next_try_at=None if row.ended_at else row.next_try_at,
        ended_at=row.ended_at,
    )
