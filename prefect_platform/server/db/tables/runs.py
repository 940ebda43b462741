"""Runs: workloads, the attempts that own them, their moves, and results."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Float,
    ForeignKey,
    Index,
    Integer,
    String,
    Text,
    UniqueConstraint,
    and_,
    case,
    literal,
)
from sqlalchemy.orm import Mapped, column_property, mapped_column

from prefect_platform.server.db.tables.base import Base
from prefect_platform.server.db.types import Id, Instant, Json, milliseconds_of


class RunRow(Base):
    """A Prefect flow run that the platform has seen. Its id is Prefect's."""

    __tablename__ = "runs"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id"))
    flow_id: Mapped[str] = mapped_column(ForeignKey("flows.id"))
    version_id: Mapped[str] = mapped_column(ForeignKey("flow_versions.id"))
    deployment_name: Mapped[str | None] = mapped_column(String(255))
    name: Mapped[str] = mapped_column(String(255))
    parent_run_id: Mapped[str | None] = mapped_column(Id)
    started_by: Mapped[str | None] = mapped_column(String(255))
    status: Mapped[str | None] = mapped_column(String(16))
    prefect_state: Mapped[str | None] = mapped_column(String(255))
    reason: Mapped[str | None] = mapped_column(Text)
    attempts: Mapped[int] = mapped_column(Integer)
    created_at: Mapped[datetime] = mapped_column(Instant)
    started_at: Mapped[datetime | None] = mapped_column(Instant)
    ended_at: Mapped[datetime | None] = mapped_column(Instant)
    duration_ms: Mapped[int] = column_property(
        case(
            (
                and_(ended_at.is_not(None), started_at.is_not(None)),
                milliseconds_of(ended_at) - milliseconds_of(started_at),
            ),
            else_=literal(-1, BigInteger),
        )
    )
    """From its start to its end; -1 of one that has not both."""
    __table_args__ = (
        Index("ix_runs_project_id", "project_id", "created_at", "id"),
        Index("ix_runs_flow_id", "flow_id", "created_at", "id"),
        Index("ix_runs_parent_run_id", "parent_run_id"),
        Index("ix_runs_version_id", "version_id"),
        Index("ix_runs_ended_at", "ended_at", "id"),
    )


class WorkloadRow(Base):
    """What a backend starts: one process group or pod whose first process is the launcher."""

    __tablename__ = "workloads"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    kind: Mapped[str] = mapped_column(String(32))
    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id"))
    target: Mapped[str] = mapped_column(String(16))
    status: Mapped[str] = mapped_column(String(16))
    cores: Mapped[float] = mapped_column(Float)
    memory_bytes: Mapped[int] = mapped_column(BigInteger)
    grace_seconds: Mapped[float] = mapped_column(Float)
    priority: Mapped[int] = mapped_column(Integer)
    """Higher goes first through admission: a child of a running parent outranks newcomers."""
    resource_id: Mapped[str | None] = mapped_column(ForeignKey("resources.id"))
    """The resource that it is a start of; none for a run's attempt."""
    cluster_id: Mapped[str | None] = mapped_column(ForeignKey("clusters.id"))
    """The Dask cluster that it is a member of."""
    cluster_number: Mapped[int | None] = mapped_column(Integer)
    """0 for its scheduler, from 1 on for its workers."""
    cluster_noted_at: Mapped[datetime | None] = mapped_column(Instant)
    """When its cluster took notice of its end."""
    size: Mapped[str | None] = mapped_column(String(255))
    """Name of the size in the catalogue when it was queued."""
    gpu: Mapped[dict[str, Any] | None] = mapped_column(Json)
    """The `GpuRequest`, if GPUs are asked for."""
    gpus: Mapped[list[str] | None] = mapped_column(Json)
    """UUIDs of the devices that it holds, from admission until its end."""
    price_per_hour: Mapped[float | None] = mapped_column(Float)
    """Of its size when it was queued; None where nobody has said one."""
    admitted_at: Mapped[datetime | None] = mapped_column(Instant)
    """Since when it has its room; usage counts from here to `ended_at`. None while it waits."""
    flow_id: Mapped[str | None] = mapped_column(Id)
    """The flow that it runs, if it runs one; here too, so that usage is added up without a join."""
    started_by: Mapped[str | None] = mapped_column(String(255))
    """Who started it, where that is known: as the run's."""
    promises: Mapped[list[dict[str, Any]] | None] = mapped_column(Json)
    environment: Mapped[dict[str, Any] | None] = mapped_column(Json, deferred=True)
    """The `FoundEnvironment` that its launcher told. One page reads it: nothing else loads it."""
    handle: Mapped[dict[str, Any]] = mapped_column(Json)
    """The backend's last checkpoint; empty before the first."""
    launcher_id: Mapped[str | None] = mapped_column(String(128))
    """Which launcher claimed it."""
    steps: Mapped[list[dict[str, Any]]] = mapped_column(Json)
    end: Mapped[dict[str, Any] | None] = mapped_column(Json)
    cancel_requested_by: Mapped[str | None] = mapped_column(String(255))
    cancel_reason: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(Instant)
    last_seen_at: Mapped[datetime | None] = mapped_column(Instant)
    ended_at: Mapped[datetime | None] = mapped_column(Instant)
    removed_at: Mapped[datetime | None] = mapped_column(Instant)
    """When the backend freed what it left behind: the controller is done with it."""
    removed_logs: Mapped[list[dict[str, Any]] | None] = mapped_column(Json)
    """What its log was, a `LogSource` each, once retention has begun to remove it: nobody reads it then."""
    logs_freed_at: Mapped[datetime | None] = mapped_column(Instant)
    """When the bytes of its log were gone."""
    lock_token: Mapped[str | None] = mapped_column(String(64))
    lock_expires_at: Mapped[datetime | None] = mapped_column(Instant)
    __table_args__ = (
        Index("ix_workloads_open", "removed_at", "status"),
        Index("ix_workloads_resource_id", "resource_id", "id"),
        Index("ix_workloads_cluster_id", "cluster_id", "cluster_noted_at"),
        Index(
            "ix_workloads_usage", "project_id", "ended_at", "admitted_at", "flow_id", "started_by", "size",
            "kind", "cores", "memory_bytes", "price_per_hour", "gpu",
        ),
    )  # fmt: skip
    # The last covers all that usage reads: a workload's row is wide, and a year of them is added up at once.


class AttemptRow(Base):
    """One start of a run. Its status is its workload's."""

    __tablename__ = "attempts"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id"))
    run_id: Mapped[str] = mapped_column(ForeignKey("runs.id"))
    workload_id: Mapped[str] = mapped_column(ForeignKey("workloads.id"), unique=True)
    version_id: Mapped[str] = mapped_column(ForeignKey("flow_versions.id"))
    agent_id: Mapped[str | None] = mapped_column(ForeignKey("agents.id"))
    number: Mapped[int] = mapped_column(Integer)
    pending_state_id: Mapped[str] = mapped_column(Id)
    orchestrator_url: Mapped[str | None] = mapped_column(Text)
    """Prefect that it was taken from, if its agent had another than the project's; with that secret it is
    opened. What becomes of the agent changes neither."""
    orchestrator_secret: Mapped[str | None] = mapped_column(String(63))
    expected_start: Mapped[datetime | None] = mapped_column(Instant)
    reason: Mapped[str | None] = mapped_column(Text)
    settled_at: Mapped[datetime | None] = mapped_column(Instant)
    __table_args__ = (
        UniqueConstraint("run_id", "pending_state_id", name="uq_attempts_pending"),
        UniqueConstraint("run_id", "number", name="uq_attempts_number"),
        Index("ix_attempts_unsettled", "project_id", "settled_at"),
        Index("ix_attempts_version_id", "version_id"),
    )


class TransitionRow(Base):
    __tablename__ = "transitions"
    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    workload_id: Mapped[str] = mapped_column(ForeignKey("workloads.id"))
    status: Mapped[str] = mapped_column(String(16))
    at: Mapped[datetime] = mapped_column(Instant)
    actor: Mapped[str] = mapped_column(String(255))
    reason: Mapped[str | None] = mapped_column(Text)
    __table_args__ = (Index("ix_transitions_workload_id", "workload_id", "id"),)


class LogGapRow(Base):
    """Bytes that existed and are not in the log, beside the marker that stands there."""

    __tablename__ = "log_gaps"
    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    workload_id: Mapped[str] = mapped_column(ForeignKey("workloads.id"))
    source: Mapped[str] = mapped_column(String(64))
    offset: Mapped[int] = mapped_column(BigInteger)
    missing_bytes: Mapped[int | None] = mapped_column(BigInteger)
    at_most: Mapped[int | None] = mapped_column(BigInteger)
    reason: Mapped[str] = mapped_column(Text)
    __table_args__ = (UniqueConstraint("workload_id", "source", "offset", name="uq_log_gaps_place"),)


class ResultRow(Base):
    """A stored result of a task or flow. Bytes live in the blob store under `sha256`."""

    __tablename__ = "results"
    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id"), primary_key=True)
    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    """SHA-256 of the key that Prefect chose, which may be of any length."""
    sha256: Mapped[str] = mapped_column(String(64))
    size: Mapped[int] = mapped_column(BigInteger)
    created_by: Mapped[str | None] = mapped_column(Id)
    """The workload that wrote it."""
    created_at: Mapped[datetime] = mapped_column(Instant)
    used_at: Mapped[datetime] = mapped_column(Instant)
    """When it was last written or read: what is not used for long is deleted."""
    __table_args__ = (Index("ix_results_used_at", "used_at"), Index("ix_results_sha256", "sha256"))
