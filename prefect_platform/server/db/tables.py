"""The tables. Migrations must lead to exactly these; a test compares them on both databases.

Every row that a person can own carries its project. `target` is written by services, `status` by
the controller and by the launcher's and agent's reports, always with a transition row beside it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Text,
    UniqueConstraint,
    false,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from prefect_platform.server.db.types import Id, Instant, Json


class Base(DeclarativeBase):
    # Every constraint has a name, so that a later migration can say which one it means.
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


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


class FlowRow(Base):
    __tablename__ = "flows"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id"))
    identity: Mapped[str] = mapped_column(String(64), unique=True)
    """SHA-256 over canonical JSON of (project, flow name, orchestrator)."""
    name: Mapped[str] = mapped_column(String(255))
    owner_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime] = mapped_column(Instant)
    updated_at: Mapped[datetime] = mapped_column(Instant)
    deleted_at: Mapped[datetime | None] = mapped_column(Instant)
    """A deleted flow is not listed any more; its runs and their logs stay. Registering revives it."""
    __table_args__ = (Index("ix_flows_project_id", "project_id", "id"),)


class BundleRow(Base):
    """The bytes of a code digest in one project. Bytes live in the blob store under `sha256`."""

    __tablename__ = "bundles"
    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id"), primary_key=True)
    code_digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    sha256: Mapped[str] = mapped_column(String(64))
    size: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(Instant)


class EnvironmentRow(Base):
    """What a run needs beside code and size. Immutable; `content` is an `EnvironmentSpec`."""

    __tablename__ = "environments"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id"))
    fingerprint: Mapped[str] = mapped_column(String(64))
    content: Mapped[dict[str, Any]] = mapped_column(Json)
    created_by: Mapped[str] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime] = mapped_column(Instant)
    __table_args__ = (UniqueConstraint("project_id", "fingerprint", name="uq_environments_fingerprint"),)


class FlowVersionRow(Base):
    __tablename__ = "flow_versions"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    flow_id: Mapped[str] = mapped_column(ForeignKey("flows.id"))
    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id"))
    number: Mapped[int] = mapped_column(Integer)
    fingerprint: Mapped[str] = mapped_column(String(64))
    """SHA-256 over code digest and settings: equal means the same version."""
    status: Mapped[str] = mapped_column(String(16))
    code_digest: Mapped[str] = mapped_column(String(64))
    code: Mapped[dict[str, Any]] = mapped_column(Json)
    settings: Mapped[dict[str, Any]] = mapped_column(Json)
    created_by: Mapped[str] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime] = mapped_column(Instant)
    __table_args__ = (
        UniqueConstraint("flow_id", "number", name="uq_flow_versions_number"),
        UniqueConstraint("flow_id", "fingerprint", name="uq_flow_versions_fingerprint"),
    )


class DeploymentRow(Base):
    __tablename__ = "deployments"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    flow_id: Mapped[str] = mapped_column(ForeignKey("flows.id"))
    name: Mapped[str] = mapped_column(String(255))
    version_id: Mapped[str] = mapped_column(ForeignKey("flow_versions.id"))
    prefect_deployment_id: Mapped[str] = mapped_column(String(64))
    prefect_flow_id: Mapped[str] = mapped_column(String(64))
    spec_digest: Mapped[str] = mapped_column(String(64))
    updated_at: Mapped[datetime] = mapped_column(Instant)
    __table_args__ = (UniqueConstraint("flow_id", "name", name="uq_deployments_name"),)


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
    __table_args__ = (
        Index("ix_runs_project_id", "project_id", "created_at", "id"),
        Index("ix_runs_flow_id", "flow_id", "created_at", "id"),
        Index("ix_runs_parent_run_id", "parent_run_id"),
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
    size: Mapped[str | None] = mapped_column(String(255))
    """Name of the size in the catalogue when it was queued."""
    gpu: Mapped[dict[str, Any] | None] = mapped_column(Json)
    """The `GpuRequest`, if GPUs are asked for."""
    gpus: Mapped[list[str] | None] = mapped_column(Json)
    """UUIDs of the devices that it holds, from admission until its end."""
    promises: Mapped[list[dict[str, Any]] | None] = mapped_column(Json)
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
    lock_token: Mapped[str | None] = mapped_column(String(64))
    lock_expires_at: Mapped[datetime | None] = mapped_column(Instant)
    __table_args__ = (Index("ix_workloads_open", "removed_at", "status"),)


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
    expected_start: Mapped[datetime | None] = mapped_column(Instant)
    reason: Mapped[str | None] = mapped_column(Text)
    settled_at: Mapped[datetime | None] = mapped_column(Instant)
    __table_args__ = (
        UniqueConstraint("run_id", "pending_state_id", name="uq_attempts_pending"),
        UniqueConstraint("run_id", "number", name="uq_attempts_number"),
        Index("ix_attempts_unsettled", "project_id", "settled_at"),
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
    """The ledger: which attempt was given which version of which secret, and when."""

    __tablename__ = "secret_uses"
    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id"))
    secret_id: Mapped[str] = mapped_column(ForeignKey("secrets.id"))
    version: Mapped[int] = mapped_column(Integer)
    attempt_id: Mapped[str] = mapped_column(ForeignKey("attempts.id"))
    at: Mapped[datetime] = mapped_column(Instant)
    __table_args__ = (
        UniqueConstraint("attempt_id", "secret_id", "version", name="uq_secret_uses_once"),
        Index("ix_secret_uses_secret_id", "secret_id", "id"),
    )


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


class AgentRow(Base):
    __tablename__ = "agents"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id"))
    name: Mapped[str] = mapped_column(String(63))
    report: Mapped[dict[str, Any] | None] = mapped_column(Json)
    created_at: Mapped[datetime] = mapped_column(Instant)
    last_seen_at: Mapped[datetime | None] = mapped_column(Instant)
    __table_args__ = (UniqueConstraint("project_id", "name", name="uq_agents_name"),)


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
