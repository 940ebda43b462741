"""Resources: agents and Jupyter servers, and who visits their pages."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, Float, ForeignKey, Index, Integer, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from prefect_platform.server.db.tables.base import Base
from prefect_platform.server.db.types import Id, Instant, Json


class ResourceRow(Base):
    """Something with an owner that can be started again and again. Each start is a workload."""

    __tablename__ = "resources"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id"))
    kind: Mapped[str] = mapped_column(String(32))
    name: Mapped[str] = mapped_column(String(63))
    owner_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    spec: Mapped[dict[str, Any]] = mapped_column(Json)
    """As its kind's model says, `wire.resources`."""
    spec_digest: Mapped[str] = mapped_column(String(64))
    target: Mapped[str] = mapped_column(String(16))
    workload_id: Mapped[str | None] = mapped_column(Id)
    """Its last start."""
    workload_digest: Mapped[str | None] = mapped_column(String(64))
    """`spec_digest` at that start: another one now needs a restart."""
    restarts: Mapped[int] = mapped_column(Integer)
    """Starts that nobody asked for, since it was made."""
    failures: Mapped[int] = mapped_column(Integer)
    """Ends in a row that came soon after their start: what the next pause depends on."""
    next_start_at: Mapped[datetime | None] = mapped_column(Instant)
    restart: Mapped[bool] = mapped_column(Boolean)
    """Whether the next end was asked for and a start follows at once."""
    reason: Mapped[str | None] = mapped_column(Text)
    """Why its last start ended, in one sentence, if it should not have."""
    created_at: Mapped[datetime] = mapped_column(Instant)
    updated_at: Mapped[datetime] = mapped_column(Instant)
    deleted_at: Mapped[datetime | None] = mapped_column(Instant)
    """When nothing of it was left. Its name is free again from then on; its logs stay."""
    __table_args__ = (
        Index(
            "uq_resources_name",
            *("project_id", "kind", "name"),
            unique=True,
            sqlite_where=text("deleted_at IS NULL"),
            postgresql_where=text("deleted_at IS NULL"),
        ),
        Index("ix_resources_open", "deleted_at", "id"),
    )


class JupyterServerRow(Base):
    """What is known of the work in a Jupyter server: when it is to be stopped follows from it."""

    __tablename__ = "jupyter_servers"
    resource_id: Mapped[str] = mapped_column(ForeignKey("resources.id"), primary_key=True)
    workload_id: Mapped[str] = mapped_column(Id)
    """The start that this is about."""
    shutoff_seconds: Mapped[float | None] = mapped_column(Float)
    """As the spec said at that start; none: never."""
    active_at: Mapped[datetime] = mapped_column(Instant)
    extended_until: Mapped[datetime | None] = mapped_column(Instant)
    warned_at: Mapped[datetime | None] = mapped_column(Instant)
    stopped_because: Mapped[str | None] = mapped_column(Text)


class AgentRow(Base):
    __tablename__ = "agents"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    """Of one that the platform starts: the id of its resource."""
    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id"))
    name: Mapped[str] = mapped_column(String(63))
    report: Mapped[dict[str, Any] | None] = mapped_column(Json)
    created_at: Mapped[datetime] = mapped_column(Instant)
    last_seen_at: Mapped[datetime | None] = mapped_column(Instant)
    orchestrator_url: Mapped[str | None] = mapped_column(Text)
    """Prefect that its last start was told of, if that is its own; its spec may say another by now."""
    orchestrator_secret: Mapped[str | None] = mapped_column(String(63))
    __table_args__ = (UniqueConstraint("project_id", "name", name="uq_agents_name"),)


class ContentTicketRow(Base):
    """A link to the content of a resource, good for one use; as the SHA-256 of its secret."""

    __tablename__ = "content_tickets"
    hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    label: Mapped[str] = mapped_column(String(63))
    token_id: Mapped[str] = mapped_column(ForeignKey("tokens.id"))
    """The token of the user who asked for the link: what ends with it ends here."""
    expires_at: Mapped[datetime] = mapped_column(Instant)
    used_at: Mapped[datetime | None] = mapped_column(Instant)
    __table_args__ = (Index("ix_content_tickets_expires_at", "expires_at"),)


class ContentSessionRow(Base):
    """A browser that is signed in to the content of one resource; as the SHA-256 of its cookie."""

    __tablename__ = "content_sessions"
    hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    label: Mapped[str] = mapped_column(String(63))
    token_id: Mapped[str] = mapped_column(ForeignKey("tokens.id"))
    created_at: Mapped[datetime] = mapped_column(Instant)
    expires_at: Mapped[datetime] = mapped_column(Instant)
    __table_args__ = (Index("ix_content_sessions_expires_at", "expires_at"),)
