"""Secrets: their values, encrypted, and the ledger of their uses."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Boolean, ForeignKey, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from prefect_platform.server.db.tables.base import Base
from prefect_platform.server.db.types import Id, Instant, Json


class SecretRow(Base):
    """A name in a project; its values are in `secret_versions`, encrypted."""

    __tablename__ = "secrets"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id"))
    name: Mapped[str] = mapped_column(String(63))
    owner_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    version: Mapped[int] = mapped_column(Integer)
    """The newest, which runs get."""
    maskable: Mapped[bool] = mapped_column(Boolean)
    created_at: Mapped[datetime] = mapped_column(Instant)
    updated_at: Mapped[datetime] = mapped_column(Instant)
    deleted_at: Mapped[datetime | None] = mapped_column(Instant)
    """A deleted secret has no values any more; the ledger still names it."""
    __table_args__ = (UniqueConstraint("project_id", "name", name="uq_secrets_name"),)


class SecretVersionRow(Base):
    """One value: encrypted under a key of its own, which is wrapped under a key of the keyring."""

    __tablename__ = "secret_versions"
    secret_id: Mapped[str] = mapped_column(ForeignKey("secrets.id"), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    key_id: Mapped[str] = mapped_column(String(64))
    """Which key of the keyring wraps `wrapped_key`."""
    wrapped_key: Mapped[str] = mapped_column(Text)
    ciphertext: Mapped[str] = mapped_column(Text)
    created_by: Mapped[str] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime] = mapped_column(Instant)


class SecretUseRow(Base):
    """The ledger: which workload was given which version of which secret, and when. It outlives the run."""

    __tablename__ = "secret_uses"
    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id"))
    secret_id: Mapped[str] = mapped_column(ForeignKey("secrets.id"))
    version: Mapped[int] = mapped_column(Integer)
    workload_id: Mapped[str] = mapped_column(Id)
    at: Mapped[datetime] = mapped_column(Instant)
    kept: Mapped[dict[str, Any] | None] = mapped_column(Json)
    """What is still known of the run once retention has removed it."""
    __table_args__ = (
        UniqueConstraint("workload_id", "secret_id", "version", name="uq_secret_uses_once"),
        Index("ix_secret_uses_secret_id", "secret_id", "id"),
    )
