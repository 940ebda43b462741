"""Who uses an installation: users, projects, members, tokens; and the answers kept for their calls."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Boolean, ForeignKey, Index, Integer, String, Text, false
from sqlalchemy.orm import Mapped, mapped_column

from prefect_platform.server.db.tables.base import Base
from prefect_platform.server.db.types import Id, Instant


class InstallationRow(Base):
    """One row: who this platform is."""

    __tablename__ = "installation"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    created_at: Mapped[datetime] = mapped_column(Instant)


class UserRow(Base):
    __tablename__ = "users"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(String(255), unique=True)
    admin: Mapped[bool] = mapped_column(Boolean)
    created_at: Mapped[datetime] = mapped_column(Instant)


class ProjectRow(Base):
    __tablename__ = "projects"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(String(63), unique=True)
    orchestrator_url: Mapped[str] = mapped_column(Text)
    orchestrator_own: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    """False: the address is the installation's, and follows its settings."""
    orchestrator_secret: Mapped[str | None] = mapped_column(String(63))
    """Name of the project's secret that holds Prefect's key or `user:password`."""
    created_at: Mapped[datetime] = mapped_column(Instant)


class MemberRow(Base):
    __tablename__ = "members"
    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id"), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), primary_key=True)
    role: Mapped[str] = mapped_column(String(16))


class TokenRow(Base):
    """A bearer token, as the SHA-256 of its secret: 256 random bits need no slow hash."""

    __tablename__ = "tokens"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    hash: Mapped[str] = mapped_column(String(64), unique=True)
    label: Mapped[str] = mapped_column(String(255))
    user_id: Mapped[str | None] = mapped_column(ForeignKey("users.id"))
    project_id: Mapped[str | None] = mapped_column(ForeignKey("projects.id"))
    subject_id: Mapped[str | None] = mapped_column(Id)
    """Agent or workload that the token is for."""
    created_at: Mapped[datetime] = mapped_column(Instant)
    expires_at: Mapped[datetime | None] = mapped_column(Instant)
    revoked_at: Mapped[datetime | None] = mapped_column(Instant)
    __table_args__ = (Index("ix_tokens_subject_id", "subject_id"),)


class IdempotencyRow(Base):
    """The answer to a mutating call, kept for a day so that a repeat gets the same one."""

    __tablename__ = "idempotency"
    token_id: Mapped[str] = mapped_column(Id, primary_key=True)
    key: Mapped[str] = mapped_column(String(128), primary_key=True)
    request_hash: Mapped[str] = mapped_column(String(64))
    status: Mapped[int | None] = mapped_column(Integer)
    """None while the first call is still under way."""
    body: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(Instant)
    __table_args__ = (Index("ix_idempotency_created_at", "created_at"),)
