"""Dask clusters. Their schedulers and workers are workloads that name them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, Float, ForeignKey, Index, Integer, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from prefect_platform.server.db.tables.base import Base
from prefect_platform.server.db.types import Id, Instant, Json


class ClusterRow(Base):
    """A scheduler and workers that begin and end together."""

    __tablename__ = "clusters"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id"))
    name: Mapped[str] = mapped_column(String(63))
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    """Who it works for: alone may connect to it."""
    owner_kind: Mapped[str] = mapped_column(String(16))
    owner_workload_id: Mapped[str | None] = mapped_column(Id)
    """Of the attempt, or the start of the Jupyter server, that it ends with; none for a user's own."""
    spec: Mapped[dict[str, Any]] = mapped_column(Json)
    """A `DaskSpec`."""
    python: Mapped[dict[str, Any] | None] = mapped_column(Json)
    """Interpreter, a `PythonInfo`; none where the flow version says it."""
    environment: Mapped[str | None] = mapped_column(String(64))
    """Fingerprint of the stored environment; none where the flow version says it."""
    target: Mapped[str] = mapped_column(String(16))
    n_workers: Mapped[int] = mapped_column(Integer)
    """Wanted now."""
    scaled_at: Mapped[datetime] = mapped_column(Instant)
    """When another number was wanted last."""
    adapt: Mapped[dict[str, Any] | None] = mapped_column(Json)
    """An `AdaptRange`, while the scheduler chooses."""
    next_number: Mapped[int] = mapped_column(Integer)
    """Of the next worker."""
    failures: Mapped[int] = mapped_column(Integer)
    """Workers in a row that ended soon after their start: what the next pause depends on."""
    next_worker_at: Mapped[datetime | None] = mapped_column(Instant)
    """Before this no worker is replaced."""
    failed: Mapped[bool] = mapped_column(Boolean)
    reason: Mapped[str | None] = mapped_column(Text)
    """Why it ends, in one sentence."""
    revision: Mapped[int] = mapped_column(Integer)
    """Grows with everything that scheduler, workers or clients wait for."""
    scheduler_address: Mapped[str | None] = mapped_column(String(255))
    dashboard_address: Mapped[str | None] = mapped_column(String(255))
    workers_ready: Mapped[int] = mapped_column(Integer)
    events: Mapped[list[dict[str, Any]]] = mapped_column(Json)
    """The last ends of members that should not have ended, a `ClusterEvent` each."""
    certificate: Mapped[str] = mapped_column(Text)
    key_id: Mapped[str] = mapped_column(String(64))
    """Which key of the keyring wraps `wrapped_key`."""
    wrapped_key: Mapped[str] = mapped_column(Text)
    private_key: Mapped[str] = mapped_column(Text)
    """Of the certificate, encrypted."""
    lease_seconds: Mapped[float | None] = mapped_column(Float)
    """After so long without a renewal it ends; none where it stays."""
    leased_at: Mapped[datetime | None] = mapped_column(Instant)
    """When the lease was renewed last."""
    report: Mapped[str | None] = mapped_column(String(64))
    """Key of its performance report among the project's results."""
    created_at: Mapped[datetime] = mapped_column(Instant)
    ready_at: Mapped[datetime | None] = mapped_column(Instant)
    ended_at: Mapped[datetime | None] = mapped_column(Instant)
    """When nothing of it was left. Its name is free again from then on; its logs stay."""
    __table_args__ = (
        Index(
            "uq_clusters_name",
            *("project_id", "name"),
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
        Index("ix_clusters_open", "ended_at", "id"),
        Index("ix_clusters_owner_workload_id", "owner_workload_id"),
        Index("ix_clusters_project_id", "project_id", "id"),
    )
