"""Notifications: rules, and the outbox."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, ForeignKey, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from prefect_platform.server.db.tables.base import Base
from prefect_platform.server.db.types import Id, Instant, Json


class NotificationRuleRow(Base):
    """What a project wants to be told of, and the secret that says where."""

    __tablename__ = "notification_rules"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id"))
    name: Mapped[str] = mapped_column(String(63))
    target: Mapped[str] = mapped_column(String(63))
    """Name of the secret that holds the address."""
    events: Mapped[list[str]] = mapped_column(Json)
    states: Mapped[list[str]] = mapped_column(Json)
    flows: Mapped[list[str]] = mapped_column(Json)
    """Patterns; none is every flow."""
    enabled: Mapped[bool] = mapped_column(Boolean)
    pause_seconds: Mapped[int] = mapped_column(Integer)
    created_by: Mapped[str] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime] = mapped_column(Instant)
    last_sent_at: Mapped[datetime | None] = mapped_column(Instant)
    last_failed_at: Mapped[datetime | None] = mapped_column(Instant)
    last_failure: Mapped[str | None] = mapped_column(Text)
    lock_token: Mapped[str | None] = mapped_column(String(64))
    """Of the server that sends for this rule at the moment."""
    lock_expires_at: Mapped[datetime | None] = mapped_column(Instant)
    __table_args__ = (UniqueConstraint("project_id", "name", name="uq_notification_rules_name"),)


class NotificationRow(Base):
    """One event for one rule: the outbox, written in the transaction in which the event happens."""

    __tablename__ = "notifications"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    rule_id: Mapped[str] = mapped_column(ForeignKey("notification_rules.id"))
    event_id: Mapped[str] = mapped_column(String(255))
    """The same for the same event, however often it is told."""
    kind: Mapped[str] = mapped_column(String(32))
    subject: Mapped[str] = mapped_column(String(255))
    """Id of what it is about: a run, an agent, a Jupyter server."""
    payload: Mapped[dict[str, Any]] = mapped_column(Json)
    """What the message is made of: masked text, and ids of what is read when it is made."""
    title: Mapped[str | None] = mapped_column(Text)
    body: Mapped[str | None] = mapped_column(Text)
    """The message as it was made before its first try; none before that."""
    status: Mapped[str] = mapped_column(String(16))
    tries: Mapped[int] = mapped_column(Integer)
    reason: Mapped[str | None] = mapped_column(Text)
    """Why the last try failed."""
    created_at: Mapped[datetime] = mapped_column(Instant)
    next_try_at: Mapped[datetime] = mapped_column(Instant)
    ended_at: Mapped[datetime | None] = mapped_column(Instant)
    __table_args__ = (
        UniqueConstraint("rule_id", "event_id", name="uq_notifications_once"),
        Index("ix_notifications_due", "status", "next_try_at"),
        Index("ix_notifications_subject", "subject", "id"),
    )
