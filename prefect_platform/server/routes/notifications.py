"""`/projects/{project}/notifications`: rules, what they sent, and a test message."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends

from prefect_platform.server.auth import allow, parts_of
from prefect_platform.server.services import notification_rules
from prefect_platform.server.services.callers import Caller
from prefect_platform.server.services.parts import Parts
from prefect_platform.wire.base import Page
from prefect_platform.wire.notifications import (
    Notification,
    NotificationOutcome,
    NotificationRule,
    NotificationRuleChange,
    NotificationRuleCreate,
)
from prefect_platform.wire.tokens import TokenKind

router = APIRouter(tags=["notifications"])
PartsHere = Annotated[Parts, Depends(parts_of)]
User = Annotated[Caller, Depends(allow(TokenKind.USER))]


@router.get("/projects/{project}/notifications")
async def listing(
    parts: PartsHere, caller: User, project: str, cursor: str | None = None, limit: int | None = None
) -> Page[NotificationRule]:
    """The rules of a project, and when each sent or failed last."""
    return await notification_rules.listing(parts, caller, project, cursor, limit)


@router.post("/projects/{project}/notifications", status_code=201)
async def create(
    parts: PartsHere, caller: User, project: str, request: NotificationRuleCreate
) -> NotificationRule:
    """A new rule. Its target is the name of a secret, which holds the address."""
    return await notification_rules.create(parts, caller, project, request)


@router.get("/projects/{project}/notifications/{name}")
async def show(parts: PartsHere, caller: User, project: str, name: str) -> NotificationRule:
    """One rule."""
    return await notification_rules.show(parts, caller, project, name)


@router.patch("/projects/{project}/notifications/{name}")
async def change(
    parts: PartsHere, caller: User, project: str, name: str, request: NotificationRuleChange
) -> NotificationRule:
    """Turn a rule on or off."""
    return await notification_rules.change(parts, caller, project, name, request)


@router.delete("/projects/{project}/notifications/{name}", status_code=204)
async def remove(parts: PartsHere, caller: User, project: str, name: str) -> None:
    """Delete a rule, and what is known of what it sent."""
    await notification_rules.remove(parts, caller, project, name)


@router.get("/projects/{project}/notifications/{name}/messages")
async def messages(
    parts: PartsHere,
    caller: User,
    project: str,
    name: str,
    cursor: str | None = None,
    limit: int | None = None,
) -> Page[Notification]:
    """What a rule was to send, and what became of it."""
    return await notification_rules.messages(parts, caller, project, name, cursor, limit)


@router.post("/projects/{project}/notifications/{name}/test")
async def test(parts: PartsHere, caller: User, project: str, name: str) -> NotificationOutcome:
    """Send a message now, and say what became of it."""
    return await notification_rules.test(parts, caller, project, name)
